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

# A coded view passes only where scheme and value look like those of a known coding scheme.
SCHEMES = {
    "SCT": re.compile(r"\d{6,9}"),
    "SNM3": re.compile(r"[A-Z]-[0-9A-F]{4,5}"),
    "SRT": re.compile(r"[A-Z]-[0-9A-F]{4,5}"),
    "99SDM": re.compile(r"[A-Z]-[0-9A-F]{4,5}"),
    "LN": re.compile(r"\d{3,5}-\d"),
    "DCM": re.compile(r"\d{6}"),
}


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
    scheme, code = text(sequence[0], "CodingSchemeDesignator"), text(sequence[0], "CodeValue")
    pattern = SCHEMES.get(scheme or "")
    return f"{scheme}:{code}" if pattern and code and pattern.fullmatch(code) else None
