"""Which precision is fast on this machine."""


def bfloat16_is_fast(device: str) -> bool:
    """Whether the processor multiplies bfloat16 matrices faster than float32 ones."""
    import torch

    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return False
    # Private in torch 2.11 to 2.13, so its absence is no error.
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(test()) for test in tests if test is not None)
