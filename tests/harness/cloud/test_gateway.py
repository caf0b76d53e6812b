"""The gateway in front of a real moto, with boto3 as the client and threads as the parties."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.clock import MILLISECOND
from harness.cloud.agent import TOKEN_FILE, CloudNodeAgent
from harness.cloud.estate import Addon, ClusterSpec, Estate, PodIdentity
from harness.cloud.gateway import (
    CloudAnswers,
    Delay,
    Drop,
    Gateway,
    LoseAcknowledgement,
    MatchingCalls,
    Rates,
    Refuse,
    Verdict,
)
from harness.cloud.identity import CredentialEndpoint, Identity
from harness.cloud.metadata import Metadata
from harness.cloud.serving import ServerThread
from harness.cloud.standin import MotoStandin
from tests.harness.cloud.conftest import START_US, Cell, MakeCell, node_group

ROLE = "arn:aws:iam::123456789012:role/ebi"
ESTATE = Estate(
    region="us-east-1",
    account_id="123456789012",
    cluster=ClusterSpec("em-pipeline-dev", "1.36", arn="arn:aws:eks:us-east-1:123456789012:cluster/em-pipeline-dev"),
    addons=(Addon("eks-pod-identity-agent"),),
    pod_identities=(PodIdentity("em-pipeline", "ebi", ROLE, "a-1"),),
)
_BOTO: Any = boto3.session.Session()  # which service is a parameter here; the stubs know literal names only
NO_RETRY = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


@dataclass
class Doorway:
    """A gateway with parties that knock at it."""

    cell: Cell
    gateway: Gateway
    identity: Identity
    agent: CloudNodeAgent
    metadata: Metadata
    ended: list[str] = field(default_factory=list)

    def client(self, party: str, service: str = "s3") -> Any:
        """A client with the credentials of a container of service account ebi."""
        pod = {"metadata": {"name": party.split("/")[1], "uid": party}, "spec": {}}
        session = self.cell.call(lambda: self.identity.open(party, pod, ESTATE.pod_identities[0]))
        return _BOTO.client(
            service,
            endpoint_url=self.gateway.url,
            region_name="us-east-1",
            aws_access_key_id=session.access_key,
            aws_secret_access_key=session.secret_key,
            aws_session_token=session.session_token,
            config=NO_RETRY,
        )

    def run(self, parties: dict[str, Callable[[Any], None]], service: str = "s3") -> float:
        """Let each party's function run as a process would, all at once; the virtual seconds it took."""
        clients = {party: self.client(party, service) for party in parties}
        begin_us = self.cell.kernel.now
        threads = []
        for party, work in parties.items():
            self.cell.call(partial(self.cell.kernel.parties.enter, party, lambda: "a thread of the test"))

            def main(party: str = party, work: Callable[[Any], None] = work) -> None:
                try:
                    work(clients[party])
                finally:
                    self.cell.kernel.parties.leave(party, lambda: self.ended.append(party))

            threads.append(threading.Thread(target=main))
        expected = len(self.ended) + len(parties)
        for thread in threads:
            thread.start()
        self.cell.wait(lambda: len(self.ended) == expected)
        for thread in threads:
            thread.join()
        return (self.cell.kernel.now - begin_us) / 1e6


@pytest.fixture
def doorway(make_cell: MakeCell, moto: MotoStandin) -> Iterator[Doorway]:
    moto.reset(1, "us-east-1")
    cell = make_cell(node_group(desired_size=1))
    servers = ServerThread()
    servers.start()
    identity = Identity(ESTATE, seed=1, wall_clock_s=lambda: 1_800_000_000.0)
    answers = CloudAnswers(ESTATE, cell.groups, identity, started_us=START_US)
    gateway = Gateway(
        kernel=cell.kernel,
        timeline=cell.timeline,
        servers=servers,
        standin_url=moto.endpoint_url,
        callers=identity,
        answers=answers,
        rates=Rates(latency_us=30 * MILLISECOND, bytes_per_s=85e6),
    )
    url = gateway.start()
    metadata = Metadata(cell.kernel, servers)
    endpoint = CredentialEndpoint(identity, servers)
    agent = CloudNodeAgent(
        estate=ESTATE,
        identity=identity,
        instances=cell.instances,
        metadata=metadata,
        gateway_url=url,
        credentials_url=endpoint.start(),
    )
    yield Doorway(cell, gateway, identity, agent, metadata)
    gateway.close()
    endpoint.close()
    metadata.close()
    servers.close()


def _tool(doorway: Doorway, service: str = "s3") -> Any:
    """A client of a person, whose key is nobody's here."""
    return _BOTO.client(
        service,
        endpoint_url=doorway.gateway.url,
        region_name="us-east-1",
        aws_access_key_id="person",
        aws_secret_access_key="person",
        config=NO_RETRY,
    )


def test_given_a_put_of_85_mb_when_a_pod_sends_it_then_a_second_of_virtual_time_passes(doorway: Doorway) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    body = b"x" * 8_500_000

    took_s = doorway.run({"em-pipeline/a/main/0": lambda s3: s3.put_object(Bucket="data", Key="k", Body=body)})

    assert took_s == pytest.approx(0.030 + 0.1, abs=0.002)
    assert _tool(doorway).get_object(Bucket="data", Key="k")["Body"].read() == body


def test_given_a_scaled_world_when_a_pod_reads_then_durations_are_those_of_full_size(doorway: Doorway) -> None:
    doorway.gateway._rates = Rates(latency_us=0, bytes_per_s=85e6, scale=0.001)
    _tool(doorway).create_bucket(Bucket="data")
    _tool(doorway).put_object(Bucket="data", Key="k", Body=b"x" * 85_000)

    took_s = doorway.run({"em-pipeline/a/main/0": lambda s3: s3.get_object(Bucket="data", Key="k")["Body"].read()})

    assert took_s == pytest.approx(1.0, abs=0.001)


@pytest.mark.slow
def test_given_two_pods_when_both_put_the_same_key_conditionally_then_exactly_one_wins_in_every_run(
    doorway: Doorway,
) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    winners: dict[str, str] = {}
    losers: list[int] = []

    def put(party: str, key: str) -> Callable[[Any], None]:
        def work(s3: Any) -> None:
            try:
                s3.put_object(Bucket="data", Key=key, Body=party.encode(), IfNoneMatch="*")
                winners[key] = party
            except ClientError as error:
                losers.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

        return work

    for index in range(3):
        parties = [f"em-pipeline/{name}/main/{index}" for name in ("b", "a", "c")]
        doorway.run({party: put(party, f"k{index}") for party in parties})

    assert winners == {f"k{index}": f"em-pipeline/a/main/{index}" for index in range(3)}
    assert losers == [412] * 6


def test_given_unpaced_tools_when_they_put_the_same_key_conditionally_then_exactly_one_wins(doorway: Doorway) -> None:
    s3 = _tool(doorway)
    s3.create_bucket(Bucket="data")
    outcomes: list[int] = []

    def put() -> None:
        try:
            outcomes.append(
                s3.put_object(Bucket="data", Key="k", Body=b"1", IfNoneMatch="*")["ResponseMetadata"]["HTTPStatusCode"]
            )
        except ClientError as error:
            outcomes.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [200] + [412] * 7


def test_given_a_lost_acknowledgement_when_a_pod_puts_then_the_object_exists_and_the_pod_sees_a_broken_connection(
    doorway: Doorway,
) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    doorway.gateway.rules.append(MatchingCalls("lost root", LoseAcknowledgement(), "PutObject", first=2))
    errors: list[Exception] = []

    def work(s3: Any) -> None:
        for key in ("one", "two", "three"):
            try:
                s3.put_object(Bucket="data", Key=key, Body=b"1")
            except BotoCoreError as error:
                errors.append(error)

    doorway.run({"em-pipeline/a/main/0": work})

    assert len(errors) == 1
    keys = [entry["Key"] for entry in _tool(doorway).list_objects_v2(Bucket="data")["Contents"]]
    assert keys == ["one", "three", "two"]
    fired = doorway.cell.timeline.of_kind("FaultFired")
    assert [(record.details["rule"], record.details["target"]) for record in fired] == [("lost root", "s3://data/two")]


def test_given_a_dropped_request_when_a_pod_puts_then_nothing_was_written(doorway: Doorway) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    doorway.gateway.rules.append(MatchingCalls("test", Drop(), "PutObject", first=1))

    def work(s3: Any) -> None:
        with pytest.raises(BotoCoreError):
            s3.put_object(Bucket="data", Key="k", Body=b"1")

    doorway.run({"em-pipeline/a/main/0": work})

    assert "Contents" not in _tool(doorway).list_objects_v2(Bucket="data")


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [(Refuse(503, "SlowDown"), 503, "SlowDown"), (Refuse(403, "AccessDenied"), 403, "AccessDenied")],
)
def test_given_a_refusal_when_a_pod_reads_then_it_gets_awss_error(
    doorway: Doorway, verdict: Verdict, status: int, code: str
) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    doorway.gateway.rules.append(MatchingCalls("test", verdict, "GetObject", first=1))
    seen: list[tuple[int, str]] = []

    def work(s3: Any) -> None:
        try:
            s3.get_object(Bucket="data", Key="k")
        except ClientError as error:
            seen.append((error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]))

    doorway.run({"em-pipeline/a/main/0": work})

    assert seen == [(status, code)]


def test_given_a_delay_when_a_pod_calls_then_the_answer_comes_later(doorway: Doorway) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    doorway.gateway.rules.append(MatchingCalls("test", Delay(5_000_000), "HeadBucket", first=1))

    took_s = doorway.run({"em-pipeline/a/main/0": lambda s3: s3.head_bucket(Bucket="data")})

    assert took_s == pytest.approx(5.030, abs=0.001)


def test_given_calls_when_they_are_answered_then_they_are_counted_and_observed_in_order(doorway: Doorway) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    asked: list[str] = []
    answered: list[tuple[str, int]] = []
    doorway.gateway.on_call.append(lambda call: asked.append(f"{call.operation} {call.target}"))
    doorway.gateway.on_answer.append(lambda answer: answered.append((answer.call.operation, answer.status)))

    def work(s3: Any) -> None:
        s3.put_object(Bucket="data", Key="a/b c", Body=b"123")
        s3.get_object(Bucket="data", Key="a/b c")["Body"].read()
        s3.list_objects_v2(Bucket="data", Prefix="a/")
        with pytest.raises(ClientError):
            s3.head_object(Bucket="data", Key="missing")

    doorway.run({"em-pipeline/a/main/0": work})

    assert asked == [
        "PutObject s3://data/a/b c",
        "GetObject s3://data/a/b c",
        "ListObjectsV2 s3://data",
        "HeadObject s3://data/missing",
    ]
    assert answered[-4:] == [("PutObject", 200), ("GetObject", 200), ("ListObjectsV2", 200), ("HeadObject", 404)]
    counts = {count.operation: count for count in doorway.gateway.counters.all() if count.party}
    assert counts["PutObject"].received_bytes >= 3
    assert counts["GetObject"].sent_bytes == 3
    assert (counts["HeadObject"].requests, counts["HeadObject"].succeeded) == (1, 0)


def test_given_a_party_that_has_gone_when_its_upload_may_pass_then_nothing_is_written(doorway: Doorway) -> None:
    _tool(doorway).create_bucket(Bucket="data")
    party = "em-pipeline/a/main/0"
    s3 = doorway.client(party)
    doorway.cell.call(lambda: doorway.cell.kernel.parties.enter(party, lambda: "test"))
    doorway.gateway.on_call.append(
        lambda _call: doorway.cell.kernel.parties.leave(party, lambda: doorway.ended.append(party))
    )

    def upload() -> None:
        with pytest.raises(BotoCoreError):
            s3.put_object(Bucket="data", Key="k", Body=b"1" * 100_000)

    thread = threading.Thread(target=upload)
    thread.start()
    doorway.cell.wait(lambda: bool(doorway.ended))
    doorway.cell.run(10)
    thread.join()

    assert "Contents" not in _tool(doorway).list_objects_v2(Bucket="data")


def test_given_a_wrong_checksum_when_an_object_is_put_then_it_is_refused_as_s3_does(doorway: Doorway) -> None:
    s3 = _tool(doorway)
    s3.create_bucket(Bucket="data")

    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket="data", Key="k", Body=b"1", ChecksumSHA256="A" * 43 + "=")

    right = base64.b64encode(hashlib.sha256(b"1").digest()).decode()
    s3.put_object(Bucket="data", Key="k", Body=b"1", ChecksumSHA256=right)
    assert s3.list_objects_v2(Bucket="data")["KeyCount"] == 1


def test_given_a_pod_when_it_asks_who_it_is_then_it_is_its_role(doorway: Doorway) -> None:
    seen: list[str] = []
    doorway.run({"em-pipeline/a/main/0": lambda sts: seen.append(sts.get_caller_identity()["Arn"])}, "sts")

    assert seen == ["arn:aws:sts::123456789012:assumed-role/ebi/eks-em-pipeline-dev-a"]


def test_given_a_tool_when_it_asks_eks_then_the_model_answers(doorway: Doorway) -> None:
    eks = _tool(doorway, "eks")
    doorway.cell.call(lambda: doorway.cell.groups.set_desired("small-loaders", 2, "test"))

    assert eks.list_nodegroups(clusterName="em-pipeline-dev")["nodegroups"] == ["small-loaders"]
    group = eks.describe_nodegroup(clusterName="em-pipeline-dev", nodegroupName="small-loaders")["nodegroup"]
    assert group["scalingConfig"] == {"minSize": 0, "maxSize": 2, "desiredSize": 2}
    assert group["taints"] == [{"key": "workload-type", "value": "small-loaders", "effect": "NO_SCHEDULE"}]
    assert eks.describe_cluster(name="em-pipeline-dev")["cluster"]["version"] == "1.36"
    assert eks.list_addons(clusterName="em-pipeline-dev")["addons"] == ["eks-pod-identity-agent"]
    associations = eks.list_pod_identity_associations(clusterName="em-pipeline-dev", serviceAccount="ebi")[
        "associations"
    ]
    assert [entry["associationId"] for entry in associations] == ["a-1"]
    eks.update_nodegroup_config(
        clusterName="em-pipeline-dev", nodegroupName="small-loaders", scalingConfig={"maxSize": 5}
    )
    assert doorway.cell.groups.get("small-loaders").max_size == 5
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_nodegroup(clusterName="em-pipeline-dev", nodegroupName="other")


def test_given_a_service_account_with_a_role_when_its_pod_starts_then_botocore_finds_its_credentials(
    doorway: Doorway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = {
        "metadata": {"name": "a", "namespace": "em-pipeline", "uid": "u"},
        "spec": {"serviceAccountName": "ebi", "nodeName": ""},
    }
    provision = doorway.cell.call(lambda: doorway.agent.provide(pod, "main", "em-pipeline/a/main/0"))
    token = tmp_path / "token"
    token.write_text(provision.files[TOKEN_FILE])
    for name, value in provision.env.items():
        monkeypatch.setenv(name, value.replace(TOKEN_FILE, str(token)))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    found = boto3.session.Session().get_credentials()

    assert found is not None
    key = found.get_frozen_credentials().access_key
    assert key is not None
    assert doorway.identity.party_of(key) == "em-pipeline/a/main/0"
    doorway.cell.call(lambda: doorway.agent.withdraw("em-pipeline/a/main/0"))
    assert doorway.identity.party_of(key) is None


def test_given_a_service_account_without_a_role_when_its_pod_starts_then_it_gets_no_credentials(
    doorway: Doorway,
) -> None:
    pod = {"metadata": {"name": "a", "namespace": "em-pipeline", "uid": "u"}, "spec": {"serviceAccountName": "other"}}
    provision = doorway.cell.call(lambda: doorway.agent.provide(pod, "main", "em-pipeline/a/main/0"))

    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in provision.env
    assert provision.files == {}
    assert provision.env["AWS_ENDPOINT_URL"] == doorway.gateway.url


def _imds(url: str, path: str, token: str | None) -> tuple[int, str]:
    headers = {"X-aws-ec2-metadata-token": token} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}{path}", headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def test_given_a_node_when_its_metadata_is_asked_then_notices_appear_once_they_are_given(doorway: Doorway) -> None:
    cell = doorway.cell
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    instance = cell.instances.all()[0]
    url = doorway.metadata.url_for(instance)
    assert url == f"http://127.0.0.1:{doorway.metadata.port_for(instance)}"
    request = urllib.request.Request(
        f"{url}/latest/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    )
    with urllib.request.urlopen(request) as answer:
        token = answer.read().decode()

    assert _imds(url, "/latest/meta-data/instance-id", None)[0] == 401
    assert _imds(url, "/latest/meta-data/instance-id", token) == (200, instance.id)
    assert _imds(url, "/latest/meta-data/spot/instance-action", token)[0] == 404
    assert _imds(url, "/latest/meta-data/iam/security-credentials/", token)[0] == 404
    cell.call(lambda: doorway.metadata.notice_interruption(instance.id, START_US))
    status, body = _imds(url, "/latest/meta-data/spot/instance-action", token)
    assert (status, json.loads(body)) == (200, {"action": "terminate", "time": "2026-03-01T08:00:00Z"})
