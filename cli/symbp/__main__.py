"""``python -m symbp`` is ``symbp``."""

from symbp.main import main

main()
