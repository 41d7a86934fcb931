"""`python -m las_cli …` is the command `las` (the form torchrun wants)."""

from las_cli.cli.main import main

if __name__ == "__main__":
    main()
