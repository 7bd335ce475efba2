"""What both halves of a plan call their tensors."""

from ame.builder import process

WEIGHTS = (
    process.Form(dtype="float32", shape=(3, 2)),
    process.Form(dtype="float32", shape=(2,)),
)
BOTH = (False, True)


def names(tensors: tuple[process.Tensor, ...]) -> list[str]:
    return [each.name for each in tensors]


def test_a_task_that_trains_has_the_names_of_shipped_plans() -> None:
    made = process.training(WEIGHTS, (), (), clipping=process.Clipping())

    assert names(made.weights)[0] == "global_model_weights/trainable/0"
    assert names(made.sent.all) == ["client/0/trainable/0", "client/0/trainable/1", "client/1"]
    assert names(made.update.all) == [
        "update/0/loss/0",
        "update/0/loss/1",
        "update/1/0",
        "update/1/1",
    ]
    assert [each.stat for each in made.update.metrics] == ["client_work/train/loss"]
    assert process.summed("update/1/0", daf=False) == "intermediate_update/0/1/0"
    assert process.summed("update/1/0", daf=True) == "intermediate_update/1/0"


def test_a_task_that_evaluates_has_the_names_of_shipped_plans() -> None:
    made = process.evaluation(WEIGHTS, (), ())

    assert names(made.sent.all) == ["client/0/0/0", "client/0/0/1"]
    assert names(made.update.all) == ["update/0/loss/0", "update/0/loss/1"]
    assert [each.stat for each in made.update.metrics] == ["eval/loss"]


def test_each_way_to_bound_updates_has_names_of_its_own() -> None:
    bounded = [process.Clipping(adaptive=a, zeroing=z) for a in BOTH for z in BOTH]
    for clipping in (None, *bounded):
        made = process.training(WEIGHTS, WEIGHTS, ("auc-roc", "recall"), clipping=clipping)

        for tensors in (made.sent.all, made.update.all, made.weights):
            assert len(set(names(tensors))) == len(tensors)
        assert len(made.update.delta) == len(WEIGHTS)
        assert (made.update.weight is None) == (clipping is not None)
        if clipping:
            assert (made.update.below is not None) == clipping.adaptive
            assert (made.sent.zeroing is not None) == clipping.zeroing
            assert (made.update.zeroed is not None) == clipping.zeroing
