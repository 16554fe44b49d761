"""Dead letters for operators: list what could not be processed, look at the bytes, send them again after a mend."""
