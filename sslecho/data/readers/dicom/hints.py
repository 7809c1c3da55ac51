"""Weak labels: what a DICOM file says of its view, reduced to words that can name no one.

Free text holds names, dates and numbers as well as views, and no rule tells them apart. So the text does not pass:
words of a fixed vocabulary do, in lower case, and all else is dropped. A surname that is a word of the vocabulary
("Long") passes as that word, which says nothing of a person to those who do not know him already.
"""

import re

from pydicom import Dataset

from sslecho.data.readers.dicom.header import text, value

TEXTS = {"SeriesDescription": "series_description", "StageName": "stage_name", "ViewName": "view_name"}

VOCABULARY = frozenset(
    """
    a2c a3c a4c a5c alax ap2 ap3 ap4 ap5 2ch 3ch 4ch 5ch 2c 3c 4c 5c plax psax psla pssa psap rvot lvot rvit ssn sc sc4c
    2-chamber 3-chamber 4-chamber 5-chamber apical parasternal subcostal suprasternal subxiphoid long short axis view
    two three four five chamber chambers base basal mid papillary apex lax sax
    tte tee toe ice transthoracic transesophageal transoesophageal epicardial
    rest peak stress exercise immediate post pre recovery baseline low high dose dobutamine impost imp impeak bike
    treadmill supine stage
    lv rv la ra aorta aortic mitral tricuspid pulmonary pulmonic valve septum septal atrium atrial ventricle
    ventricular left right arch ascending descending ivc svc pericardium pericardial effusion
    doppler color colour pw cw tdi m-mode mmode 2d 3d 4d b-mode bmode strain contrast harmonic zoom power flow duplex
    fetal foetal fetus obstetric trimester first second third head brain abdomen femur spine heart thorax cervix
    placenta profile face transverse sagittal coronal axial bpd hc ac fl crl nt transventricular transthalamic
    transcerebellar cerebellum cavum kidney kidneys bladder stomach cord insertion biometry
    lung lungs pleura pleural thoracic anterior posterior lateral upper lower superior inferior zone a-lines b-lines
    a-line b-line lines line consolidation bilateral basilar diaphragm
    liver gallbladder spleen pancreas thyroid breast carotid vein artery vascular abdominal pelvis uterus ovary
    linear convex phased curvilinear probe ultrasound echo echocardiogram cardiac still clip loop cine
    """.split()
)
WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)?", re.ASCII)

# Any number may be an id or a date, so a coded view passes only if it is one of these.
# Source: DICOM PS3.16 CID 12226, Echocardiography Image View: SNOMED CT, and the older SNOMED RT for the same.
VIEWS = {
    "399214001": "G-A19C",  # apical four chamber
    "399232001": "G-A19B",  # apical two chamber
    "399339008": "G-0395",  # apical long axis
    "399139001": "G-0396",  # parasternal long axis
    "443083000": "G-0578",  # parasternal long axis of the RV outflow tract
    "443082005": "G-0577",  # parasternal long axis of the RV inflow tract
    "399306005": "G-0397",  # parasternal short axis
    "399239005": "G-0398",  # ... at the aortic valve
    "399371001": "G-0399",  # ... at the mitral chords
    "399036006": "G-039A",  # ... at the mitral valve
    "399271003": "G-039B",  # ... at the papillary muscles
    "398998003": "G-039C",  # right ventricular inflow tract
    "399195005": "G-039D",  # right ventricular outflow tract
    "399310008": "G-039E",  # subcostal long axis
    "399200001": "G-039F",  # subcostal short axis
    "443160001": "G-0579",  # ... at the papillary muscles
    "443499004": "G-057B",  # ... at the mitral valve
    "443500008": "G-057C",  # ... at the venous inflow
    "443609003": "G-057E",  # ... at the aortic valve
    "443640005": "R-40B0A",  # subcostal oblique coronal
    "443100003": "R-40AFF",  # subcostal, of the outlets directed anteriorly
    "399106004": "G-03A0",  # suprasternal long axis
    "443562002": "G-057D",  # ... of the aortic arch
    "399145009": "G-03A1",  # suprasternal short axis
    "443163004": "R-40B01",  # suprasternal sagittal
    "443162009": "R-40B00",  # suprasternal coronal
    "443698002": "R-40B0E",  # transesophageal short axis
}
_NEWER = {older: newer for newer, older in VIEWS.items()}
CODES = {
    "SCT": {newer: newer for newer in VIEWS},
    "SRT": _NEWER,
    "SNM3": _NEWER,
    "99SDM": _NEWER,
}
DICOM_CODES = frozenset({"130681", "130682"})  # apical four chamber, RV focused and RV modified


def hints(header: Dataset) -> dict[str, str]:
    """Any of "series_description", "stage_name", "view_name" and "view_code"; absent where nothing is left."""
    found = {}
    for keyword, name in TEXTS.items():
        words = known_words(text(header, keyword) or "")
        if words:
            found[name] = words
    code = _view_code(header)
    if code is not None:
        found["view_code"] = code
    return found


def known_words(said: str) -> str:
    """The words of a text that are in the vocabulary, in its order, in lower case."""
    known = []
    for word in WORD.findall(said.lower()):
        # "apical-4ch" is no word of the list, its halves are.
        known += [part for part in ([word] if word in VOCABULARY else word.split("-")) if part in VOCABULARY]
    return " ".join(known)


def _view_code(header: Dataset) -> str | None:
    sequence = value(header, "ViewCodeSequence")
    if sequence is None or not len(sequence):
        return None
    scheme, code = text(sequence[0], "CodingSchemeDesignator") or "", text(sequence[0], "CodeValue") or ""
    if scheme == "DCM" and code in DICOM_CODES:
        return f"DCM:{code}"
    known = CODES.get(scheme, {}).get(code)
    return f"SCT:{known}" if known else None
