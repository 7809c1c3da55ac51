"""What machines show besides plain b-mode: colour, contrast, traces, several panes, report pages; for `archive`."""
