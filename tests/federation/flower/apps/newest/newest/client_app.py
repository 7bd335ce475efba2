"""Goes half the way to the partition's own number."""

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from newest.task import seen, target

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    partition = int(context.node_config["partition-id"])
    seen.append(partition)
    assert set(seen) == {partition}, "modules are of each node alone"
    if partition == context.run_config["fails"] and len(seen) == 2:
        raise RuntimeError("this node has had enough")
    state = context.state.setdefault("kept", ConfigRecord({"rounds": 0}))
    state["rounds"] += 1
    (model,) = message.content["arrays"].to_numpy_ndarrays()
    wanted = target(partition, int(context.run_config["size"]))
    learned = model + (wanted - model) * context.run_config["rate.first"]
    print("trained", partition, "of", context.node_config["num-partitions"])
    content = RecordDict(
        {
            "arrays": ArrayRecord([learned]),
            "metrics": MetricRecord(
                {
                    "loss": float(abs(wanted - model).mean()),
                    "rounds": state["rounds"],
                    "num-examples": partition + 1,
                }
            ),
        }
    )
    return Message(content=content, reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    partition = int(context.node_config["partition-id"])
    (model,) = message.content["arrays"].to_numpy_ndarrays()
    loss = float(abs(target(partition, len(model)) - model).mean())
    metrics = MetricRecord({"eval_loss": loss, "num-examples": partition + 1})
    return Message(content=RecordDict({"metrics": metrics}), reply_to=message)


@app.query("place")
def place(message: Message, context: Context) -> Message:
    told = ConfigRecord({"partition": int(context.node_config["partition-id"])})
    return Message(content=RecordDict({"told": told}), reply_to=message)
