"""Sound → score, without Beam: front end, architectures, training, evaluation, the classifier bundle."""

import os

# TensorFlow leaves oneDNN out on x86 processors without VNNI (before 2019), and without it `compact` does not run: its
# own depthwise convolution has no unequal strides. Must be set before TensorFlow is first imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
