"""Which generators of histories are compared, and what each one needs."""

from __future__ import annotations

from .catalogue import PEERS, TORCH, Peer

__all__ = ["LOG_PEERS"]

_RTF, _ARGN = PEERS["realtabformer"], PEERS["tabularargn"]

LOG_PEERS = {
    peer.name: peer
    for peer in (
        Peer("tabllm", "tabllm", "ours_log"),
        Peer("tabularargn", f"{_ARGN.label}, sequential", "mostly_log", _ARGN.environment, _ARGN.install),
        Peer("realtabformer", f"{_RTF.label}, relational", "realtabformer_log", _RTF.environment, _RTF.install),
        Peer("par", "PAR (sdv 2.0.0)", "par_log", "par", ((TORCH, "sdv==2.0.0"),)),
    )
}
