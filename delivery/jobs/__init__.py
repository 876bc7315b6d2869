"""One module per kind of due work; each offers `…_one() -> bool`, true if something was done."""
