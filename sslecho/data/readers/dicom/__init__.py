"""DICOM through pydicom: headers, pixels to gray, times, spacing."""
