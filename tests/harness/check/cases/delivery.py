"""Rules on CI workflows and images."""

from tests.harness.check.cases import Cases
from tests.harness.check.cases.build import bucket, ci, cluster, container, deployment, job, run, template

T = "t.template.json"
C = "ci.yml"
AT = "ci.yml#ship/do"
WEB = deployment("web")

MISSING_ROLLOUT_TARGET = Cases(
    found={
        "with a namespace before the verb": (
            {C: ci(run("kubectl -n x rollout status deployment/api")), "d.yaml": WEB},
            [AT],
        ),
        "rollout of a short kind": (
            {C: ci(run("kubectl rollout status deploy api --timeout=5m")), "d.yaml": WEB},
            [AT],
        ),
        "wait, after a line that goes on": (
            {C: ci(run("kubectl wait \\\n  --for=condition=complete job/load")), "d.yaml": WEB},
            [AT],
        ),
        "another kind of that name": ({C: ci(run("true && kubectl rollout restart sts/web")), "d.yaml": WEB}, [AT]),
    },
    silent={
        "it is there": {C: ci(run("kubectl rollout status deployment/web")), "d.yaml": WEB},
        "a variable": {C: ci(run("kubectl rollout status deployment/$NAME"), env={"NAME": "x"}), "d.yaml": WEB},
        "only read": {C: ci(run("kubectl get deployment/api")), "d.yaml": WEB},
        "no manifests to compare with": {C: ci(run("kubectl rollout status deployment/api"))},
    },
)

STORE = template(B=bucket(BucketName="real"))
UNKNOWN_BUCKET = Cases(
    found={
        "an address": ({C: ci(run("aws s3 sync out s3://wrong/prefix")), T: STORE}, [AT]),
        "an option": ({C: ci(run("./verify --bucket wrong")), T: STORE}, [AT]),
        "a variable of the step": ({C: ci(run("./verify", env={"OUTPUT_BUCKET": "wrong"})), T: STORE}, [AT]),
        "a guess at a generated name": ({C: ci(run("./verify --bucket=wrong")), T: template(B=bucket())}, [AT]),
    },
    silent={
        "its name": {C: ci(run("aws s3 ls s3://real/x\n./verify --bucket=real")), T: STORE},
        "from an output": {C: ci(run("./verify --bucket=${{ steps.stack.outputs.bucket }}")), T: STORE},
        "somebody else's, public": {C: ci(run("aws s3 cp --no-sign-request s3://public/x .")), T: STORE},
        "no bucket in the plan": {C: ci(run("aws s3 ls s3://any"))},
    },
)

UNKNOWN_CLUSTER = Cases(
    found={
        "another name": (
            {C: ci(run("aws eks update-kubeconfig --name prod")), T: template(K=cluster(Name="main"))},
            [AT],
        ),
        "a generated one": ({C: ci(run("aws eks update-kubeconfig --name=main")), T: template(K=cluster())}, [AT]),
        "a part of it": (
            {C: ci(run("aws eks describe-cluster --name k-${{ inputs.env }}")), T: template(K=cluster(Name="main"))},
            [AT],
        ),
    },
    silent={
        "its name": {C: ci(run("aws eks update-kubeconfig --name main")), T: template(K=cluster(Name="main"))},
        "a part that fits": {
            C: ci(run("aws eks update-kubeconfig --name m-${{ inputs.env }}")),
            T: template(K=cluster(Name="m-dev")),
        },
        "from an output": {C: ci(run("aws eks update-kubeconfig --name ${{ env.NAME }}")), T: template(K=cluster())},
        "no cluster in the plan": {C: ci(run("aws eks update-kubeconfig --name main"))},
    },
)

FILES = {"repository_files": ["tools/there.py", "tools/there.sh", "sub/here.py"]}
MISSING_SCRIPT = Cases(
    found={
        "Python": ({C: ci(run("python3 -u tools/gone.py --x")), "r.yaml": FILES}, [AT]),
        "by itself, below a condition": ({C: ci(run("if true; then ./tools/gone.sh; fi")), "r.yaml": FILES}, [AT]),
        "from another folder": (
            {C: ci(run("python here.py"), **{"defaults": {"run": {"working-directory": "x"}}}), "r.yaml": FILES},
            [AT],
        ),
        "in a checkout": (
            {".github/workflows/c.yml": ci(run("bash tools/gone.sh"))},
            [".github/workflows/c.yml#ship/do"],
        ),
    },
    silent={
        "it is there": {C: ci(run("python tools/there.py && ./tools/there.sh")), "r.yaml": FILES},
        "in the folder of the step": {C: ci(run("python here.py", **{"working-directory": "sub"})), "r.yaml": FILES},
        "a module": {C: ci(run("python -m tools.gone.py")), "r.yaml": FILES},
        "nothing says which files there are": {C: ci(run("python tools/gone.py"))},
    },
)

SCRIPTS = {
    "scripts": [
        {"path": "t.py", "options": {"--loud": 0, "--out": 1}, "subcommands": {"one": {"--deep": 0}, "two": {}}},
        {"path": "flat.sh", "options": {"-q": 0}},
    ]
}
UNKNOWN_OPTION = Cases(
    found={
        "of the program": ({C: ci(run("./flat.sh --verbose")), "s.yaml": SCRIPTS}, [AT]),
        "of another subcommand": ({C: ci(run("python t.py two --deep")), "s.yaml": SCRIPTS}, [AT]),
        "a global one, too late": ({C: ci(run("VAR=1 python t.py --loud one --out=x")), "s.yaml": SCRIPTS}, [AT]),
        "no such subcommand": ({C: ci(run("python t.py --out one three")), "s.yaml": SCRIPTS}, [AT]),
    },
    silent={
        "global ones before": {C: ci(run("python t.py --loud --out x one --deep")), "s.yaml": SCRIPTS},
        "a script that is not described": {C: ci(run("python u.py --any")), "s.yaml": SCRIPTS},
        "in a comment": {C: ci(run("# python t.py --old\npython t.py two")), "s.yaml": SCRIPTS},
        "a value that looks like one": {C: ci(run("python t.py --out --loud two")), "s.yaml": SCRIPTS},
    },
)

TEMPLATED = job("j", containers=[container(image="${REGISTRY_URL}/x:${TAG}")])
UNSET_VARIABLE = Cases(
    found={
        "envsubst with a pipe": (
            {C: ci(run("cat k/j.yaml | envsubst | kubectl apply -f -", env={"TAG": "1"})), "k/j.yaml": TEMPLATED},
            [AT],
        ),
        "in the script": ({C: ci(run("docker push $REGISTRY_URL/x"))}, [AT]),
        "set by another job's step": (
            {
                C: {
                    "on": "push",
                    "jobs": {
                        "a": {"steps": [run("echo TAG=1 >> $GITHUB_ENV")]},
                        "ship": {"steps": [run("echo ${TAG}")]},
                    },
                }
            },
            [AT],
        ),
    },
    silent={
        "job, step and workflow set them": {
            C: {**ci(run("envsubst < k/j.yaml", env={"TAG": "1"})), "env": {"REGISTRY_URL": "r"}},
            "k/j.yaml": TEMPLATED,
        },
        "an earlier step sets it": {C: ci(run('echo "TAG=$(date)" >> "$GITHUB_ENV"', name="set"), run("echo $TAG"))},
        "the script sets it, or has a default": {
            C: ci(run("TAG=1\nfor FILE in *; do echo $FILE $TAG ${OTHER:-x}; done"))
        },
        "the runner and an action set them": {
            C: ci(
                {"uses": "aws-actions/configure-aws-credentials@v4", "with": {"role-to-assume": "r"}},
                run("echo $AWS_REGION $HOME $GITHUB_SHA"),
            )
        },
    },
)

STATIC_KEYS = Cases(
    found={
        "inputs of an action": (
            {C: ci({"name": "do", "uses": "x/y@v1", "with": {"aws-access-key-id": "${{ secrets.KEY }}"}})},
            [AT],
        ),
        "environment of a step": ({C: ci(run("aws s3 ls", env={"AWS_SECRET_ACCESS_KEY": "${{ secrets.S }}"}))}, [AT]),
        "environment of all": (
            {C: {**ci(run("aws s3 ls")), "env": {"AWS_ACCESS_KEY_ID": "${{ vars.KEY }}"}}},
            [f"{C}#env"],
        ),
        "environment of a pod": (
            {"m.yaml": job("j", containers=[container(env=[{"name": "AWS_ACCESS_KEY_ID", "value": "AKIA"}])])},
            ["m.yaml#Job/j"],
        ),
    },
    silent={
        "a role": {C: ci({"name": "do", "uses": "x/y@v1", "with": {"role-to-assume": "${{ secrets.ROLE }}"}})},
        "keys of a stand-in": {C: ci(run("pytest", env={"AWS_ACCESS_KEY_ID": "testing"}))},
        "temporary ones, of a step": {C: ci(run("x", env={"AWS_ACCESS_KEY_ID": "${{ steps.sts.outputs.id }}"}))},
        "another secret": {C: ci(run("x", env={"TOKEN": "${{ secrets.TOKEN }}"}))},
    },
)


def composition(context: str, *volumes: str) -> dict[str, object]:
    return {"services": {"api": {"build": {"context": context}, "volumes": list(volumes)}}}


KEPT = {"repository_files": ["common/util.py", "svc/api/main.py", "svc/api/Dockerfile"]}
OWN_ONLY = "FROM python\nCOPY main.py .\n"
CODE_NOT_IN_IMAGE = Cases(
    found={
        "a folder beside the context": (
            {
                "compose.yaml": composition("svc/api", "./common:/common:ro"),
                "r.yaml": KEPT,
                "svc/api/Dockerfile": OWN_ONLY,
            },
            ["compose.yaml#api"],
        ),
        "CI builds it of a smaller context": (
            {
                "compose.yaml": composition(".", "./common:/common"),
                "r.yaml": KEPT,
                "Dockerfile": "FROM python\nCOPY . .\n",
                C: ci(run("docker build -f Dockerfile -t x:1 svc/api")),
            },
            ["compose.yaml#api"],
        ),
        "long syntax, and a matrix": (
            {
                "compose.yaml": {
                    "services": {
                        "api": {
                            "build": "svc/api",
                            "volumes": [{"type": "bind", "source": "./common", "target": "/common"}],
                        }
                    }
                },
                "r.yaml": KEPT,
                "svc/api/Dockerfile": OWN_ONLY,
                C: ci(run("docker build svc/${{ matrix.name }}"), strategy={"matrix": {"name": ["api"]}}),
            },
            ["compose.yaml#api"],
        ),
    },
    silent={
        "built of the root, and copied": {
            "compose.yaml": composition(".", "./common:/common"),
            "r.yaml": KEPT,
            "Dockerfile": "FROM python\nCOPY common \\\n  svc/api /app/\n",
        },
        "a named context": {
            "compose.yaml": composition("svc/api", "./common:/common"),
            "r.yaml": KEPT,
            "svc/api/Dockerfile": "FROM python\nCOPY --from=shared . /common\nCOPY main.py .\n",
            C: ci(run("docker buildx build --build-context shared=./common svc/api")),
        },
        "data, which the repository does not hold": {
            "compose.yaml": composition("svc/api", "./data:/data", "cache:/cache", "/etc/ssl:/etc/ssl"),
            "r.yaml": KEPT,
            "svc/api/Dockerfile": OWN_ONLY,
        },
        "a matrix that is made at run time": {
            "compose.yaml": composition("svc/api", "./svc/api:/app"),
            "r.yaml": KEPT,
            "svc/api/Dockerfile": OWN_ONLY,
            C: ci(
                run("docker build svc/${{ matrix.name }}"),
                strategy={"matrix": "${{ fromJSON(needs.list.outputs.all) }}"},
            ),
        },
        "its own folder, for editing": {
            "compose.yaml": composition("svc/api", "./svc/api:/app"),
            "r.yaml": KEPT,
            "svc/api/Dockerfile": OWN_ONLY,
        },
    },
)
