"""Kind `archive`: what hospitals hand over, in any mode; `screens.draw` draws it."""

from sslecho.phantom.screens.draw import NO_VIEW

# Of an archive's b-mode clips, to the nearest percent (chosen after what echo laboratories store): two levels of the
# short axis are told apart, and an eighth is no standard view.
CLASSES = {
    "plax": 0.14, "rv_inflow": 0.03, "psax_av": 0.09, "psax_mv": 0.06, "psax_pap": 0.07, "a4c": 0.16, "a5c": 0.04,
    "a2c": 0.09, "a3c": 0.07, "sc4c": 0.05, "sc_ivc": 0.05, "sc_aorta": 0.01, "suprasternal": 0.02, NO_VIEW: 0.12,
}  # fmt: skip
