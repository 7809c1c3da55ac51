"""What kind of picture a recording is: b-mode, colour, contrast, traces, panes, pages; from its tags and its pixels."""

from sslecho.data.triage.color import flow_mask
from sslecho.data.triage.verdict import FLOW, KINDS, WORKING_SIDE, Verdict, triage

__all__ = ["FLOW", "KINDS", "WORKING_SIDE", "Verdict", "flow_mask", "triage"]
