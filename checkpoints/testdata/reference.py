# Writes reference.safetensors and half.safetensors with the reference
# implementation of the format (safetensors 0.8.0, numpy 2.4.6): python reference.py
import numpy as np
from safetensors.numpy import save_file

save_file(
    {
        "encoder/fc0/weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
        "encoder/fc0/bias": np.array([-1.5, 3.25], dtype=np.float32),
        "a double": np.array([0.1, -np.inf, 5e-324], dtype=np.float64),
        "count": np.array([-(2**63), 2**63 - 1], dtype=np.int64),
        "a small": np.array([[-(2**31)], [7]], dtype=np.int32),
        "pixels": np.array([0, 128, 255], dtype=np.uint8),
        "mask": np.array([True, False, True]),
        "scalar": np.array(2.5, dtype=np.float32),
        "empty": np.zeros((0, 4), dtype=np.float32),
        'größe "<&>"\n': np.ones(1, dtype=np.uint8),
    },
    "reference.safetensors",
    metadata={"format": "pt"},
)
save_file(
    {"half": np.array([1, -2, 65504, 6e-8, 1 / 3, -0.0, np.inf, 6.1e-5], dtype=np.float16)},
    "half.safetensors",
)
