"""What the listener heard in, hypotheses out: greedy, CTC, joint and two-pass search."""
