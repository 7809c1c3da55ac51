"""The table of echo views: name, display depth and sector angle, how often an archive has it, and who draws it."""

from sslecho.phantom.heart.apical import a2c, a3c, a4c, a5c
from sslecho.phantom.heart.great_vessels import pa_long, psax_av
from sslecho.phantom.heart.other import OTHER
from sslecho.phantom.heart.parasternal import plax, rv_inflow
from sslecho.phantom.heart.short_axis import psax_apex, psax_mid, psax_mv, psax_pap
from sslecho.phantom.heart.subcostal import sc4c, sc_aorta, sc_ivc
from sslecho.phantom.heart.suprasternal import suprasternal
from sslecho.phantom.heart.view import View

VIEWS: dict[str, View] = {
    "plax": View(plax, 160.0, 76.0, (0.0, 75.0), "parasternal", 0.14),
    "rv_inflow": View(rv_inflow, 145.0, 76.0, (0.0, 70.0), "parasternal", 0.03),
    "psax_av": View(psax_av, 150.0, 78.0, (0.0, 75.0), "parasternal", 0.09),
    "psax_mid": View(psax_mid, 140.0, 76.0, (10.0, 80.0), "parasternal", 0.13),
    "a4c": View(a4c, 142.0, 74.0, (5.0, 80.0), "apical", 0.16),
    "a5c": View(a5c, 142.0, 74.0, (5.0, 80.0), "apical", 0.06),
    "a2c": View(a2c, 142.0, 74.0, (0.0, 80.0), "apical", 0.09),
    "a3c": View(a3c, 142.0, 74.0, (0.0, 80.0), "apical", 0.07),
    "sc4c": View(sc4c, 185.0, 78.0, (5.0, 100.0), "subcostal", 0.05),
    "sc_ivc": View(sc_ivc, 170.0, 72.0, (20.0, 80.0), "subcostal", 0.05),
    "sc_aorta": View(sc_aorta, 170.0, 72.0, (0.0, 90.0), "subcostal", 0.03),
    "suprasternal": View(suprasternal, 145.0, 80.0, (0.0, 80.0), "suprasternal", 0.03),
}

# Further planes, which EV9V and CACTUS know: each is drawn alone, where psax_mid's level is left to chance.
PLANES: dict[str, View] = {
    **VIEWS,
    "psax_mv": View(psax_mv, 140.0, 76.0, (10.0, 80.0), "parasternal", 0.0),
    "psax_pap": View(psax_pap, 140.0, 76.0, (10.0, 80.0), "parasternal", 0.0),
    "psax_apex": View(psax_apex, 130.0, 76.0, (10.0, 80.0), "parasternal", 0.0),
    "pa_long": View(pa_long, 150.0, 78.0, (5.0, 80.0), "parasternal", 0.0),
    **OTHER,
}
