"""Hospitals: which scanner each has, and how it likes its pictures displayed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """One hospital.

    Args:
        device: a name of `devices.DEVICES`.
        apical_mirrored: the left heart on the left in apical views, as at the Mayo Clinic.
        ivc_cranial_left: the abdominal convention in the subcostal view of the vena cava.
        apex_down: apical views upside down, as some sites for congenital heart disease show them.
    """

    device: str
    apical_mirrored: bool = False
    ivc_cranial_left: bool = False
    apex_down: bool = False


# Two sites may share a device. Every tenth site mirrors, so none of the four of "echo" does.
ECHO_SITES = (Site("phased_adult"), Site("phased_adult", ivc_cranial_left=True), Site("phased_old"), Site("handheld"))
FETAL_SITES = (Site("curved"), Site("curved"), Site("curved_old"))
ARCHIVE_SITES = (
    Site("phased_adult"),
    Site("phased_premium", ivc_cranial_left=True),
    Site("phased_old"),
    Site("phased_cart"),
    Site("handheld", ivc_cranial_left=True),
    Site("phased_adult", apical_mirrored=True),
    Site("phased_premium"),
    Site("phased_cart", ivc_cranial_left=True),
    Site("phased_adult", apex_down=True),
    Site("phased_old", ivc_cranial_left=True),
)
