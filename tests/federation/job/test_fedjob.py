"""Objects are given to the server, to clients by name, to all of them."""

import subprocess
import sys
from typing import Any

import pytest

from ame import errors
from ame.federation.job.draft import free
from ame.federation.job.fedjob import FedJob, FilterType, JobCtx
from ame.federation.program import Program
from federation.job.runnable import Doer, Leader, Sieve, Thing, runnable


class Referring:
    def __init__(self, one_id: str = "", more_ids: list[str] | None = None) -> None:
        self.one_id = one_id
        self.more_ids = more_ids


def ids(program: Program, target: str = "server") -> list[str]:
    app = program.server if target == "server" else program.app(target)
    return [part.id for part in (*app.workflows, *app.components)]


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (["component"] * 3, ["component", "component1", "component2"]),
        (["persistor"] * 3, ["persistor", "persistor1", "persistor2"]),
        (["c9", "c9"], ["c9", "c10"]),
        (["a1b1", "a1b1"], ["a1b1", "a2b2"]),
        (["m1_11", "m1_11"], ["m1_11", "m2_22"]),
        (["m01", "m01"], ["m01", "m2"]),
        (["x", "x1", "x"], ["x", "x1", "x2"]),
        (["", ""], ["", "1"]),
    ],
)
def test_an_id_that_is_taken_is_counted_up(wanted: list[str], given: list[str]) -> None:
    taken: list[str] = []
    for each in wanted:
        taken.append(free(each, taken))

    assert taken == given


def test_components_get_ids_and_are_known_again() -> None:
    job = FedJob()
    thing = Thing()

    assert job.to_server(Thing()) == "component"
    assert job.to_server(thing, id="mine") == "mine"
    assert job.to_server(thing, id="other") == "mine"
    assert job.to_server(Thing(), id="mine") == "mine1"
    assert job.to(thing, "site-1") == "component"


def test_controllers_and_components_share_their_ids() -> None:
    job = FedJob()
    job.to_server(Leader(), id="x")

    assert job.to_server(Thing(), id="x") == "x1"


def test_a_controller_leads_at_the_server_and_is_a_component_at_a_client() -> None:
    job = runnable()
    job.to(Leader(3), "site-1", id="client_side")
    job.to(Doer(), "site-1")

    program = job.program()

    assert [part.id for part in program.server.workflows] == ["controller"]
    assert [(p.id, p.args) for p in program.app("site-1").components] == [
        ("client_side", {"rounds": 3})
    ]


def test_an_executor_does_its_tasks_and_all_by_default() -> None:
    job = runnable()
    job.to_clients(Doer())
    job.to_clients(Doer(), tasks=["train", "swarm_*"])

    everyone = job.program().everyone

    assert everyone is not None
    assert [routed.tasks for routed in everyone.executors] == [("*",), ("train", "swarm_*")]


def test_a_task_that_stands_alone_is_one_task() -> None:
    job = runnable()
    job.to_clients(Doer(), tasks="train")

    everyone = job.program().everyone

    assert everyone is not None
    assert everyone.executors[0].tasks == ("train",)


def test_filters_for_the_same_tasks_are_a_chain() -> None:
    job = runnable()
    job.to_clients(Doer())
    for _ in range(2):
        job.to_clients(Sieve(), filter_type=FilterType.TASK_RESULT, tasks=["train", "validate"])
    job.to_clients(Sieve(), filter_type=FilterType.TASK_DATA)

    everyone = job.program().everyone

    assert everyone is not None
    assert [(f.tasks, len(f.filters)) for f in everyone.task_result_filters] == [
        (("train", "validate"), 2)
    ]
    assert [f.tasks for f in everyone.task_data_filters] == [("*",)]


def test_what_all_clients_get_and_what_one_gets_are_both_its() -> None:
    job = runnable()
    job.to_clients(Doer())
    assert job.to_clients(Thing()) == "component"
    assert job.to(Thing(), "site-1") == "component1"

    program = job.program()

    assert ids(program, "site-1") == ["component", "component1"]
    assert ids(program, "site-2") == ["component"]
    assert len(program.app("site-1").executors) == 1


def test_a_clients_own_executor_counts_before_that_of_all() -> None:
    job = runnable()
    job.to_clients(Doer())
    job.to(Leader(), "site-1")
    job.to(Doer(), "site-1")

    assert len(job.program().app("site-1").executors) == 1


def test_an_object_that_is_referred_to_goes_along() -> None:
    job = FedJob()
    inner = Thing()
    reference = job.as_id(inner)
    job.to_server(Leader())
    job.to_clients(Doer())
    job.to_server(Referring(reference))

    program = job.program()

    assert ids(program) == ["controller", reference, "component"]
    assert program.server.components[1].args == {"one_id": reference}


def test_references_in_lists_and_at_several_sites_are_followed() -> None:
    job = runnable()
    referring = Referring(more_ids=[job.as_id(Thing(size=5)), job.as_id(Thing(size=6))])
    for site in ("site-1", "site-2"):
        job.to(referring, site)
        job.to(Doer(), site)

    program = job.program()

    for site in ("site-1", "site-2"):
        *inner, outer = program.app(site).components
        assert outer.args == {"more_ids": [part.id for part in inner]}
        assert [part.args for part in inner] == [{"size": 5}, {"size": 6}]


def test_references_are_followed_from_one_to_the_next() -> None:
    job = runnable()
    job.to_clients(Doer())
    middle = Referring(job.as_id(Thing()))
    job.to_server(Referring(job.as_id(middle)))

    assert len(job.program().server.components) == 3


def test_a_reference_to_what_has_an_id_already_is_that_id() -> None:
    job = runnable()
    job.to_clients(Doer())
    thing = Thing()
    job.to_server(thing, id="thing")
    job.to_server(Referring(job.as_id(thing)), id="referring")

    assert job.program().server.components[1].args == {"one_id": "thing"}


class Pattern(FedJob):
    def __init__(self) -> None:
        super().__init__("pattern")
        self.asked: list[str] = []
        self.to_server(Leader())

    def set_up_client(self, target: str) -> None:
        self.asked.append(target)
        self.to(Thing(), target, id="set_up")


def test_a_subclass_sets_each_client_up_once_and_before_all_else() -> None:
    job = Pattern()
    for site in ("site-1", "site-2"):
        job.to(Doer(), site)
        job.to(Thing(), site)

    assert job.asked == ["site-1", "site-2"]
    assert ids(job.program(), "site-1") == ["set_up", "component"]


@pytest.mark.parametrize("order", [("@ALL", "site-1"), ("site-1", "@ALL")])
def test_a_client_is_not_set_up_twice_where_all_are(order: tuple[str, str]) -> None:
    job = Pattern()
    for target in order:
        job.to(Doer(), target)

    assert ids(job.program(), "site-1") == ["set_up"]


def test_a_dict_sets_variables_of_the_configuration() -> None:
    job = runnable()
    job.to_clients(Doer())
    job.to({"get_task_timeout": 5}, "server")
    job.to({"rate": 0.5}, "@ALL")

    program = job.program()

    assert program.server.params == {"get_task_timeout": 5}
    assert program.app("site-1").params == {"rate": 0.5}


class Adding:
    def add_to_fed_job(self, job: FedJob, ctx: JobCtx, **kwargs: Any) -> dict[str, str]:
        job.check_kwargs(args_to_check=kwargs, args_expected={"must": True, "may": False})
        return {"id": job.add_component(comp_id="added", obj=Thing(), ctx=ctx)}


def test_an_object_may_add_itself_and_say_what_it_added() -> None:
    assert FedJob().to(Adding(), "server", must=1) == {"id": "added"}


@pytest.mark.parametrize(
    ("given", "why"),
    [({}, "Missing required arg 'must'"), ({"must": 1, "x": 2}, "unexpected arg 'x'")],
)
def test_what_an_object_is_added_with_is_checked(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        FedJob().to(Adding(), "server", **given)


def test_clients_are_said_once() -> None:
    job = runnable()
    job.to(Doer(), "site-1")
    with pytest.raises(ValueError, match="already specified clients"):
        job.simulator_run("w", n_clients=2)
    job = runnable()
    job.to_clients(Doer())
    with pytest.raises(ValueError, match="Clients were not specified"):
        job.simulator_run("w")
    with pytest.raises(ValueError, match="give one"):
        job.simulator_run("w", n_clients=2, clients=["a", "b"])


def test_nothing_heavy_is_imported_to_define_a_job() -> None:
    code = (
        "import sys\nfrom ame.federation import FedJob, ScriptRunner\nj = FedJob()\n"
        "print([m for m in ('torch', 'numpy', 'keras', 'tensorflow') if m in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_what_is_no_filter_is_refused_where_it_is_given_as_one() -> None:
    class Sifts:
        pass

    with pytest.raises(errors.JobInvalid, match=r"`Sifts` is given as a filter, and is none"):
        FedJob(name="j").to_clients(Sifts(), filter_type=FilterType.TASK_RESULT)
