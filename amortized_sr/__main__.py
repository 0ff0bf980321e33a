"""`python -m amortized_sr`."""

from amortized_sr.cli import main

if __name__ == "__main__":
    main()
