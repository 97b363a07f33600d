"""``python -m tabllm`` is the command ``tabllm``."""

from tabllm.cli.main import main

main()
