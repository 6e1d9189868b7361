"""The report: one page made from files that the other stages wrote."""
