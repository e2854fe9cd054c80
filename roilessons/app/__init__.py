"""What is started from the shell: the command line, JupyterLab, the workbench as a page, the report on this machine."""
