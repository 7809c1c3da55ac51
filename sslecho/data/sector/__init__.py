"""The scanned part of a clip's picture: found, described, and lent to other clips of its device."""

from sslecho.data.sector.find import CONFIDENT, find_sector
from sslecho.data.sector.outline import Outline, consensus
from sslecho.data.sector.panel import find_panel
from sslecho.data.sector.polygon import Sector, convex_hull, fill_polygon

__all__ = ["CONFIDENT", "Outline", "Sector", "consensus", "convex_hull", "fill_polygon", "find_panel", "find_sector"]
