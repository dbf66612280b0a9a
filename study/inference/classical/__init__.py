"""What the literature does instead of a posterior: approaches one to three, `curve_fit`, bootstraps and the delta method."""
