"""Who may call, download and upload what over plain HTTP; and what comes of bad input."""

from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx
import pytest

from ame.server.calls.doors import Doors, digest
from ame.server.settings import Settings
from server.cloud.clouds import LOOPS, TASK, Running

Run = Callable[..., None]
USER = {"data_qnt": 300, "sensors": ["camera"]}
FILES = {"server": LOOPS, "client": "c = 1", "task": "t = 1", "inference__client": "c = 2"}


async def start(server: Running, **fields: object) -> None:
    await server.done("rpc_exec_create_task", **{**TASK, **fields})
    await server.upload("4fe5", **FILES)
    await server.done("rpc_exec_start_server_task", task_id="4fe5")
    await server.done("rpc_exec_update_user_info", user_id="u", **USER)


async def got(server: Running, path: str, login: tuple[str, str] | None) -> tuple[int, bytes]:
    response = await server.client.get(f"/download/4fe5/{path}", auth=login)
    if response.status_code == 401:
        assert response.headers["www-authenticate"].startswith("Basic")
    return response.status_code, response.content


def test_code_is_downloaded_by_clients_that_were_offered_it_and_by_nobody_else(
    run_here: Run,
) -> None:
    async def use(server: Running) -> None:
        await start(server)
        [offer] = await server.done("rpc_exec_client_requesting_task", user_id="u")
        own = offer["username"], offer["password"]
        for path in ("client.py", "./task_4fe5/client.py", "task_4fe5/client.py"):
            assert await got(server, path, own) == (200, b"c = 1")
        for login in (None, ("user", "1"), ("u", own[1]), ("user", own[1][:-1]), ("", "")):
            assert (await got(server, "client.py", login))[0] == 401
        # what the task does not name for clients is for those who have its own login
        assert (await got(server, "server.py", own))[0] == 404
        assert await got(server, "server.py", ("user", "123")) == (200, LOOPS.encode())
        await server.done("rpc_exec_create_task", **{**TASK, "task_id": "b"})
        response = await server.client.get("/download/b/client.py", auth=own)
        assert response.status_code == 401
        response = await server.client.get("/download/c/client.py", auth=own)
        assert response.status_code == 404

    run_here(use)


@pytest.mark.parametrize(
    "path",
    [
        "../b/client.py",
        "%2e%2e/b/client.py",
        "..%2f..%2fcloud.sqlite",
        "%2fetc%2fpasswd",
        "%00",
        "",
    ],
)
def test_no_path_of_a_download_leads_out_of_the_task(run_here: Run, path: str) -> None:
    async def use(server: Running) -> None:
        await start(server)
        assert (await got(server, path, ("user", "123")))[0] == 404

    run_here(use)


def test_a_service_goes_on_with_the_code_it_was_started_with(run_here: Run) -> None:
    async def use(server: Running) -> None:
        await start(server)
        await server.upload("4fe5", client="c = 3")
        login = ("user", "123")
        assert await got(server, "client.py", login) == (200, b"c = 1")
        await server.done("rpc_exec_stop_server_task", task_id="4fe5")
        assert await got(server, "client.py", login) == (200, b"c = 3")
        await server.ask("POST", "tasks/4fe5/start", json={"use": "inference"})
        assert await got(server, "client.py", login) == (200, b"c = 2")
        versions = await server.ask("GET", "tasks/4fe5/files")
        assert [each["version"] for each in versions] == [2, 1]
        await server.upload("4fe5", client="c = 3")
        assert len(await server.ask("GET", "tasks/4fe5/files")) == 2

    run_here(use)


def test_code_that_nobody_uploaded_runs_and_is_downloaded_where_it_lies(run_here: Run) -> None:
    async def use(server: Running) -> None:
        folder = server.folder / "work" / "tasks" / "task_4fe5"
        folder.mkdir(parents=True)
        (folder / "server.py").write_text(LOOPS)
        (folder / "client.py").write_text("c = 5")
        (folder / "task.py").symlink_to("/etc/hostname")
        await server.done("rpc_exec_create_task", **TASK)
        await server.done("rpc_exec_start_server_task", task_id="4fe5")
        assert await got(server, "client.py", ("user", "123")) == (200, b"c = 5")
        assert (await got(server, "task.py", ("user", "123")))[0] == 404

    run_here(use)


@pytest.mark.parametrize("name", ["../x.py", "/etc/x.py", "a/../../x.py", "a\\..\\..\\x.py"])
def test_an_upload_cannot_leave_its_task(run_here: Run, name: str) -> None:
    async def use(server: Running) -> None:
        for task, file in (("4fe5", name), ("../x", "a.py"), ("a/b", "a.py")):
            response = await server.client.post(
                "/upload_files", data={"task_id": task}, files=[("files", (file, b"x"))]
            )
            assert response.status_code == 400, response.text
        assert not list(server.folder.rglob("x.py"))

    run_here(use)


def test_a_form_is_read_byte_for_byte_and_one_that_is_cut_off_is_refused(run_here: Run) -> None:
    content = bytes(range(256)) * 3 + b"\r\n--x\r\n\r\n"

    async def use(server: Running) -> None:
        post = server.client.post
        response = await post(
            "/upload_files", data={"task_id": "4fe5"}, files=[("files", ("ü.bin", content))]
        )
        assert response.json() == {"message": "Files uploaded successfully", "files": ["ü.bin"]}
        response = await server.client.get("/api/v1/cloud/tasks/4fe5/files/%C3%BC.bin")
        assert response.content == content
        for data, files in (({}, [("files", ("a", b"x"))]), ({"task_id": "4fe5"}, [])):
            response = await post("/upload_files", data=data, files=files)
            assert response.status_code == 400
        kind = {"content-type": "multipart/form-data; boundary=x"}
        named = b'--x\r\nContent-Disposition: form-data; name="a"'
        for body in (
            b"",
            b"--x",
            named + b"\r\n\r\nb",
            named + b"; x" * 10_000 + b"\r\n\r\nb\r\n--x--",
        ):
            response = await post("/upload_files", content=body, headers=kind)
            assert response.status_code == 400

    run_here(use)


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("a\\b.py", "a/b.py"),
        ("a\\\\b.py", "a/b.py"),
        ('a\\"b.py', 'a"b.py'),
        ("ü; x=1.py", "ü; x=1.py"),
        ("..\\x.py", None),
        ("..\\\\x.py", None),
    ],
)
def test_a_file_is_called_what_the_form_says(run_here: Run, sent: str, path: str | None) -> None:
    """Clients write a backslash once or twice."""

    async def use(server: Running) -> None:
        body = '--x\r\nContent-Disposition: form-data; name="task_id"\r\n\r\n4fe5\r\n'
        body += f'--x\r\nContent-Disposition: form-data; name="files"; filename="{sent}"\r\n\r\nc'
        response = await server.client.post(
            "/upload_files",
            content=(body + "\r\n--x--\r\n").encode(),
            headers={"content-type": "multipart/form-data; boundary=x"},
        )
        if path is None:
            assert response.status_code == 400
        else:
            await server.done("rpc_exec_create_task", **TASK)
            [version] = await server.ask("GET", "tasks/4fe5/files")
            assert list(version["files"]) == [path]

    run_here(use)


def test_bad_input_is_refused_in_words_and_nothing_stops(run_here: Run) -> None:
    async def use(server: Running) -> None:
        post = server.client.post
        for body in (b"", b"{", b"\xff", b"[" * 100_000, b'{"task_id": "\\ud800"}'):
            response = await post("/rpc_exec_create_task", content=body)
            assert (response.status_code, response.json()) == (
                400,
                {"error": "Invalid or missing JSON body"},
            )
        response = await post("/rpc_exec_nothing", json={})
        assert response.json() == "rpc_exec_nothing is an invalid RPC function"
        response = await post("/rpc_exec_create_task", content=b" " * (5 << 20))
        assert response.status_code == 413
        for body in (b"[]", b"null", b"3", b'{"task_id": "a"}'):
            response = await post("/rpc_exec_create_task", content=body)
            assert response.status_code == 400
        for task in ("../x", "a/b", "", ".hidden", "a\0", "x" * 200, "a\n"):
            status, text = await server.call("rpc_exec_create_task", **{**TASK, "task_id": task})
            assert status == 500
            assert "task.task_id" in text
            assert "Traceback" not in text
        for path in ("../x.py", "/etc/passwd", ""):
            status, text = await server.call(
                "rpc_exec_create_task", **{**TASK, "files_paths": ["client.py", path]}
            )
            assert status == 500
            assert f"{path!r} names no file of a task" in text
        assert await server.call("rpc_exec_create_task", **TASK) == (200, None)
        response = await server.client.options("/rpc_exec_create_task")
        assert response.headers["access-control-allow-methods"] == "POST, OPTIONS"

    run_here(use)


def test_a_long_upload_is_read_only_of_those_who_may_upload(run_here: Run) -> None:
    """Others are refused at its head, and so many may be under way as the settings say."""
    read: list[int] = []
    long = b"x" * 200_000

    async def slow() -> AsyncIterator[bytes]:
        for at in range(0, len(form), 10_000):
            read.append(at)
            yield form[at : at + 10_000]

    async def use(server: Running) -> None:
        post = partial(server.client.post, "/upload_files")
        operator = {"authorization": "Bearer secret"}
        response = await server.client.post("/rpc_exec_create_task", json=TASK, headers=operator)
        assert response.status_code == 200
        for headers in ({}, {"authorization": "Bearer wrong"}):
            response = await post(content=slow(), headers={"content-type": kind, **headers})
            assert response.status_code == 401
        response = await post(content=slow(), headers={"content-type": kind}, auth=("user", "1"))
        assert response.status_code == 401
        path = "/api/v1/cloud/tasks/4fe5/files/big.bin"
        response = await server.client.put(path, content=slow())
        assert response.status_code == 401
        assert read == []
        response = await post(content=slow(), headers={"content-type": kind}, auth=("user", "123"))
        assert response.status_code == 200, response.text
        response = await server.client.put(path, content=long, headers=operator)
        assert response.status_code == 200, response.text

    async def none(server: Running) -> None:
        path = "/api/v1/cloud/tasks/4fe5/files/big.bin"
        assert (await server.client.put(path, content=long)).status_code == 503
        assert (await server.client.put(path, content=b"short")).status_code == 200

    request = httpx.Request(
        "POST", "http://cloud/", data={"task_id": "4fe5"}, files={"files": ("big.bin", long)}
    )
    form, kind = request.read(), request.headers["content-type"]
    run_here(use, doors=Doors(operators=frozenset({digest("secret")})))
    run_here(none, settings=Settings(uploads=0))


def test_what_a_client_registers_is_bounded(run_here: Run) -> None:
    async def use(server: Running) -> None:
        for user in ("", "a/b", "..", "a\0b", "u" * 101):
            status, text = await server.call("rpc_exec_update_user_info", user_id=user)
            assert (status, text.startswith("client.user_id ")) == (500, True)
            status, text = await server.call("rpc_exec_get_user_info", user_id=user)
            assert (status, text) == (500, f"User with ID={user} not registered")
        many = ["x" * 1000] * 100
        said = await server.call("rpc_exec_update_user_info", user_id="u", sensors=many)
        assert said == (500, "client.attributes are over 65,536 characters")
        assert await server.ask("GET", "users") == []

    run_here(use)


def test_a_client_that_floods_is_refused_and_others_are_served(run_here: Run) -> None:
    async def use(server: Running) -> None:
        ask = server.caller.ask
        said = [
            await ask("rpc_exec_update_user_info", {"user_id": "flood", "data_qnt": number})
            for number in range(150)
        ]
        said += [
            await ask("rpc_exec_client_requesting_task", {"user_id": "flood"}) for _ in range(150)
        ]
        assert [each["status_code"] for each in said] == [200] * 200 + [429] * 100
        status, text = await server.call("rpc_exec_client_requesting_task", user_id="flood")
        assert (status, text) == (429, "more than 100 calls a second: come back later")
        assert await server.call("rpc_exec_update_user_info", user_id="other") == (200, None)

    run_here(use, clock=lambda: 1e9)


def test_what_operators_do_asks_for_their_token(run_here: Run) -> None:
    doors = Doors(operators=frozenset({digest("secret")}))
    shown = {"authorization": "Bearer secret"}

    async def use(server: Running) -> None:
        status, _ = await server.call("rpc_exec_create_task", **TASK)
        assert status == 401
        status, _ = await server.call("rpc_exec_update_user_info", user_id="u")
        assert status == 200
        assert (await server.client.get("/api/v1/cloud/tasks")).status_code == 401
        form = {"data": {"task_id": "4fe5"}, "files": [("files", ("a.py", b"x"))]}
        assert (await server.client.post("/upload_files", **form)).status_code == 401  # type: ignore[arg-type]
        made = await server.client.post("/rpc_exec_create_task", json=TASK, headers=shown)
        assert made.status_code == 200
        for how in ({"headers": shown}, {"auth": ("user", "123")}):
            done = await server.client.post("/upload_files", **form, **how)  # type: ignore[arg-type]
            assert done.status_code == 200
        # the client of the self-test is a stranger where others reach the server
        status, text = await server.call("rpc_exec_client_requesting_task", user_id="xxxx")
        assert (status, text) == (500, "Could not retrieve info from user with ID=xxxx")

    run_here(use, doors=doors, self_test=False)
