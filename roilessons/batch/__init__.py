"""Whole analyses without a page: `extract` for one subject, `each_subject` for many."""
