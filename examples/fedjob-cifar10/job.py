"""Two sites, one script, federated averaging: `ame fed run job.py`."""

from src.net import Net

from ame.federation import FedAvg, FedJob, IntimeModelSelector, PTModel, ScriptRunner

if __name__ == "__main__":
    n_clients = 2
    num_rounds = 2
    train_script = "src/cifar10_fl.py"

    job = FedJob(name="cifar10_fedavg")

    controller = FedAvg(
        num_clients=n_clients,
        num_rounds=num_rounds,
    )
    job.to_server(controller)

    job.to_server(PTModel(Net()))

    job.to_server(IntimeModelSelector(key_metric="accuracy"))

    runner = ScriptRunner(
        script=train_script, script_args="f--batch_size 32 --data_path /tmp/data/site-{i}"
    )
    job.to_clients(runner)
    job.simulator_run("workspace", n_clients=n_clients)
