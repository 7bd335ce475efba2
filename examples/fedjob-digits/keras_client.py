"""What each site does, with Keras."""

from data import all_digits, of_site
from keras_net import Net
from tensorflow import keras

import ame.federation.client as flare

flare.init()
images, labels = of_site(flare.get_site_name())
_, others, _, truth = all_digits()
net = Net()
net.compile(
    optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)

while flare.is_running():
    received = flare.receive()
    for layer, weights in received.params.items():
        net.get_layer(layer).set_weights(weights)
    loss, accuracy = net.evaluate(others, truth, verbose=0)
    net.fit(images, labels, epochs=2, batch_size=16, verbose=0)
    flare.send(
        flare.FLModel(
            params={layer.name: layer.get_weights() for layer in net.layers},
            metrics={"accuracy": accuracy, "loss": loss},
            meta={"NUM_STEPS_CURRENT_ROUND": len(images)},
        )
    )
