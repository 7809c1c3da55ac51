"""The cure for a torchvision whose native part can't load, in processes of their own: an import can't be undone."""

import subprocess
import sys

from sslecho.models import torchvision_ops

IMPORTS = "import torchvision, timm, lightly.loss, lightly.models.modules.heads; timm.create_model('resnet18')"


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_everything_imports_after_the_cure():
    done = run(f"from sslecho.models.torchvision_ops import mend_torchvision as m; m(); {IMPORTS}")
    assert done.returncode == 0, done.stderr


def test_everything_imports_where_the_native_part_is_broken():
    """Pretends a broken native part, so that the cure is tried on healthy machines too."""
    done = run(
        "import torch\n"
        "def broken(path): raise OSError('libc10_cuda.so: cannot open shared object file')\n"
        "torch.ops.load_library = broken\n"
        "from sslecho.models.torchvision_ops import mend_torchvision, native_problem\n"
        "assert 'libc10_cuda' in native_problem()\n"
        "assert mend_torchvision() is True\n" + IMPORTS
    )
    assert done.returncode == 0, done.stderr


def test_a_healthy_torchvision_is_left_alone():
    """Pretends a native part that loads: nothing may be declared."""
    done = run(
        "import torch\n"
        "torch.ops.load_library = lambda path: None\n"
        "from sslecho.models import torchvision_ops as t\n"
        "assert t.native_problem() is None\n"
        "assert t.mend_torchvision() is False\n"
        "assert t._libraries == []\n"
        "assert not hasattr(torch.ops.torchvision, 'nms')\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_answer_is_the_same_when_asked_twice():
    assert torchvision_ops.mend_torchvision() == (torchvision_ops.native_problem() is not None)
    assert torchvision_ops.mend_torchvision() == torchvision_ops.mend_torchvision()
