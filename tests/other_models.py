"""Small models of sounds, as others make them: their scores NumPy can tell."""

import numpy as np

RATE, SAMPLES, SIZE = 8000, 800, 5
LABELS = ("low", "high")
EMBEDDING = "model/GLOBAL_AVG_POOL/Mean"
_random = np.random.default_rng(0)
_INNER = _random.standard_normal((SAMPLES // 10, SIZE)).astype(np.float32) / 10
_LAST = _random.standard_normal((SIZE, len(LABELS))).astype(np.float32)


def embedding(windows):
    """[n, samples] → [n, 5]: the mean over ten parts of a window of five sums of each part's samples, without signs."""
    return np.abs(windows.reshape(-1, 10, SAMPLES // 10) @ _INNER).mean(axis=1)


def logits(windows):
    """[n, samples] → [n, labels]."""
    return embedding(windows) @ _LAST


def scores(windows):
    return 1 / (1 + np.exp(-logits(windows).astype(np.float64)))


def sounds(n=5):
    """float32 [n, samples]: noise, each louder than the one before; the first is silence."""
    noise = np.random.default_rng(1).standard_normal((n, SAMPLES))
    return (noise * np.linspace(0, 1, n)[:, None]).astype(np.float32)


def network(x):
    """The same by TensorFlow: [n, samples] → logits and embeddings."""
    import tensorflow as tf

    parts = tf.abs(tf.reshape(x, (-1, 10, SAMPLES // 10)) @ _INNER)
    with tf.name_scope("model"), tf.name_scope("GLOBAL_AVG_POOL"):
        inner = tf.reduce_mean(parts, axis=1, name="Mean")
    return inner @ _LAST, inner


def write_tflite(path, function=None, shape=(None, SAMPLES), labels=LABELS, flex=False):
    """Writes a TFLite file, and its labels beside it as BirdNET-Analyzer does."""
    import tensorflow as tf

    function = function or (lambda x: network(x)[0])
    graph = tf.function(function, [tf.TensorSpec(shape, tf.float32)]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
    if flex:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    path.write_bytes(converter.convert())
    if labels:
        write_labels(path, labels)
    return path


def write_labels(model, labels=LABELS):
    file = model.with_name(f"{model.stem}_Labels.txt")
    file.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    return file


def write_saved_model(folder, function, shape=(None, SAMPLES), signature="basic"):
    """Writes a SavedModel of a function: tensor → name → tensor; and ``classes.csv`` within."""
    import tensorflow as tf

    module = tf.Module()
    module.weight = tf.Variable(1.0)
    module.run = tf.function(
        lambda inputs: {key: value * module.weight for key, value in function(inputs).items()},
        [tf.TensorSpec(shape, tf.float32, name="inputs")],
    )
    tf.saved_model.save(module, str(folder), signatures={signature: module.run})
    (folder / "classes.csv").write_text("".join(f"{label[0]},{label}\n" for label in LABELS))
    return folder
