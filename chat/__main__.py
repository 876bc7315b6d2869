"""The `ailo` command, also as `python -m chat`."""

import gc

gc.disable()  # nothing that modules make while they load is garbage, and looking for it costs a tenth of a start

from chat.cli import main  # noqa: E402

gc.freeze()
gc.enable()

if __name__ == "__main__":
    main()
