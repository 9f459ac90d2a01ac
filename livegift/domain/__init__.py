"""Pure nouns and rules: no I/O, no clock, no chance. They decide; the rest acts."""
