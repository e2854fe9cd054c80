"""Everything that lives on a page: explorers, the workbench, figures with a slider."""
