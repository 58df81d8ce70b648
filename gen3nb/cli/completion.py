"""``gen3nb completion``: the script that makes a shell complete our words."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from gen3nb.cli.messages import written

__all__ = ["completion"]


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish", "powershell"], typer.Argument(metavar="SHELL")],
) -> None:
    r"""Write the script that completes words in a shell.

    SHELL is bash, zsh, fish or powershell. `gen3nb --install-completion` puts it where your shell looks.

    \b
    For this session only:
      bash:       source <(gen3nb completion bash)
      zsh:        source <(gen3nb completion zsh)
      fish:       gen3nb completion fish | source
      powershell: gen3nb completion powershell | Out-String | Invoke-Expression
    """
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="gen3nb", complete_var="_GEN3NB_COMPLETE", shell=shell)
    written(f"{script.strip()}\n")
