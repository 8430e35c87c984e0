"""`kangyun load`: files of any kind brought in, through the gate or over HTTP, with a progress bar, resumable."""
