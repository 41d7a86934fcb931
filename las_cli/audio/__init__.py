"""Sound files in; waveforms, features, augmented copies and pieces between pauses out."""
