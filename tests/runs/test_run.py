from ame import runs


def saved(step: str, path: str, digest: str) -> runs.Artifact:
    return runs.Artifact(run="r", step=step, path=path, digest=digest, size=1)


def test_of_a_path_that_several_steps_saved_the_last_ones_file_counts() -> None:
    steps = [
        runs.Step(run="r", name=name, index=index) for index, name in enumerate(["zero", "a", "b"])
    ]
    artifacts = [saved("a", "x", "2"), saved("b", "y", "4"), saved("zero", "x", "1")]

    assert [each.digest for each in runs.latest(artifacts, steps)] == ["2", "4"]


def test_without_artifacts_there_is_none() -> None:
    assert runs.latest([], []) == ()
