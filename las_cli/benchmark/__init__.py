"""How fast the parts are on this machine: searches, training, scoring, other recognisers."""
