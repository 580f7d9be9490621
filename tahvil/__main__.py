"""`python -m tahvil`."""

from tahvil.cli import main

if __name__ == "__main__":
    main()
