"""What can be said of Dockerfile, docker-compose.yml and k8s/ without an engine and a cluster.

Knows the formats by others' schemas and rules (hadolint, the Compose specification, Kubernetes' own, checkov), and by the program in
SCRIBLE_BIN, which settings there are. The one rule: what is read here are the files that are delivered.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml
from docker.utils.build import exclude_paths
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
COMPOSE = ROOT / "docker-compose.yml"
BUCKET = ROOT / "deploy/compose.bucket.yml"
K8S = ROOT / "k8s"


def run(*command, **options):
    """Runs a program; gives what it said, and fails with that where it failed."""
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if ended.returncode != 0:
        raise AssertionError(f"{command[0]} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended


def settings(variables):
    """What the program makes of an environment, by name; it must have nothing to say against it."""
    with tempfile.TemporaryDirectory() as folder:
        said = run(os.environ["SCRIBLE_BIN"], "config", cwd=folder, env=variables)
    if said.stderr:
        raise AssertionError(said.stderr)
    lines = [line.split() for line in said.stdout.splitlines()]
    return {name: value for name, value, *_ in lines}


def seconds(found, *names):
    """The sum of settings that are times."""
    return sum(int(found[f"SCRIBLE_{name}_SECONDS"]) for name in names)


class Image(unittest.TestCase):
    def setUp(self):
        self.file = DockerfileParser(str(ROOT / "Dockerfile"))
        self.steps = [(step["instruction"], step["value"]) for step in self.file.structure]

    def test_linters_find_nothing(self):
        run(TOOLS / "hadolint", ROOT / "Dockerfile")
        checkov("dockerfile", ROOT / "Dockerfile")

    def test_what_is_copied_is_all_that_cargo_needs(self):
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        patterns = [line for line in ignored if line and not line.startswith("#")]
        sent = exclude_paths(str(ROOT), patterns)
        copies = [value.split() for step, value in self.steps if step == "COPY" and "--from" not in value]
        self.assertGreater(len(copies), 5)
        with tempfile.TemporaryDirectory() as folder:
            for *sources, target in copies:
                for source in sources:
                    copied = [file for file in sent if file == source or file.startswith(f"{source}/")]
                    self.assertTrue(copied, f"{source} is copied and not there")
                    for file in copied:
                        place = Path(folder, target, Path(file).relative_to(source) if len(sources) == 1 else file)
                        place.parent.mkdir(parents=True, exist_ok=True)
                        if (ROOT / file).is_file():
                            shutil.copy(ROOT / file, place)
            known = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1", cwd=folder).stdout)
            ours = [package for package in known["packages"] if package["source"] is None]
            for package in ours:
                for target in package["targets"]:
                    self.assertTrue(Path(target["src_path"]).is_file(), target["src_path"])
            self.assertIn("scrible", [package["name"] for package in ours])
            # They are put into the program.
            self.assertEqual(len(list(Path(folder).glob("migrations/*/*.sql"))), len(list(ROOT.glob("migrations/*/*.sql"))))

    def test_nothing_large_or_secret_goes_to_the_builder(self):
        ignored = (ROOT / ".dockerignore").read_text().splitlines()
        sent = exclude_paths(str(ROOT), [line for line in ignored if line and not line.startswith("#")])
        size = sum((ROOT / file).stat().st_size for file in sent if (ROOT / file).is_file())
        self.assertLess(size, 32 << 20)
        self.assertEqual([file for file in sent if re.search(r"(^|/)(\.git|\.env|target|data|node_modules)(/|$)", file)], [])

    def test_the_toolchain_is_new_enough_and_the_user_is_nobody(self):
        oldest = re.search(r'^rust-version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        self.assertIn(("FROM", f"rust:{oldest}-bookworm AS build"), self.steps)
        self.assertEqual([value for step, value in self.steps if step == "USER"], ["10001:10001"])


class Compose(unittest.TestCase):
    def setUp(self):
        self.file = yaml.safe_load(COMPOSE.read_text())
        self.services = self.file["services"]
        self.nodes = {name: service for name, service in self.services.items() if name.startswith("node")}

    def environment(self, service):
        """As Compose would pass it on, with what has to be given and nothing else."""
        given = lambda value: re.sub(r"\$\{\w+:-\}", "", re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", "secret", value))
        return {name: given(value) for name, value in service["environment"].items()}

    def test_the_schema_holds(self):
        run(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE, BUCKET)

    def test_nodes_are_set_up_with_settings_that_there_are(self):
        self.assertEqual(len(self.nodes), 2)
        for service in self.nodes.values():
            found = settings(self.environment(service))
            self.assertEqual(found["SCRIBLE_TRUSTED_PROXIES"], address(self.services["nginx"]))
            stopping = seconds(found, "DRAIN_DELAY", "SHUTDOWN")
            self.assertGreater(int(service["stop_grace_period"].removesuffix("s")), stopping)

    def test_exports_are_made_by_the_worker_alone(self):
        worker = self.services["worker"]
        self.assertEqual(worker["command"], ["worker"])
        self.assertEqual(settings(self.environment(worker))["SCRIBLE_EXPORT_WORKERS"], "1")
        for service in self.nodes.values():
            self.assertEqual(settings(self.environment(service))["SCRIBLE_EXPORT_WORKERS"], "0")
            # Where there is no bucket, what the one writes the others give.
            self.assertEqual(service["volumes"], worker["volumes"])

    def test_nobody_but_nginx_reaches_out_unless_there_is_a_bucket(self):
        self.assertTrue(self.file["networks"]["inside"]["internal"])
        self.assertEqual(set(self.file["networks"]), {"inside", "outside"})
        outside = {name for name, service in self.services.items() if "outside" in service["networks"]}
        self.assertEqual(outside, {"nginx"})
        opened = yaml.safe_load(BUCKET.read_text())["services"]
        self.assertEqual(set(opened), {*self.nodes, "worker"})
        self.assertEqual({tuple(service["networks"]) for service in opened.values()}, {("outside",)})

    def test_whoever_waits_for_a_service_can_tell_how_it_is(self):
        for name, service in self.services.items():
            for other, how in service.get("depends_on", {}).items():
                awaited = self.services[other]
                if how["condition"] == "service_healthy":
                    # The image of the nodes has its own.
                    self.assertTrue("healthcheck" in awaited or awaited["image"] == "scrible:local", f"{name} waits for {other}")
                else:
                    self.assertEqual((how["condition"], awaited["restart"]), ("service_completed_successfully", "no"))

    def test_nginx_finds_the_nodes(self):
        nginx = self.services["nginx"]
        hosts = dict(line.split(":") for line in nginx["extra_hosts"])
        self.assertEqual(hosts, {name: address(service) for name, service in self.nodes.items()})
        listed = re.findall(r"^server (.+):3001 ", (ROOT / "deploy/nginx/nodes.conf").read_text(), re.M)
        self.assertEqual(sorted(listed), sorted(self.nodes))
        listens = re.search(r"listen (\d+);", (ROOT / "deploy/nginx/nginx.conf").read_text())[1]
        self.assertEqual(nginx["ports"], [f"{listens}:{listens}"])

    def test_images_have_a_version_and_no_password_is_written_down(self):
        for service in self.services.values():
            self.assertRegex(service["image"], r"^(scrible:local|[a-z]+:\d[\w.-]*)$")
        self.assertNotRegex(COMPOSE.read_text(), r"PASSWORD: (?!\$\{)")


class Kubernetes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kustomization = yaml.safe_load((K8S / "kustomization.yaml").read_text())
        cls.files = [K8S / name for name in cls.kustomization["resources"]]
        cls.objects = {}
        for file in cls.files:
            for one in yaml.safe_load_all(file.read_text()):
                cls.objects[one["kind"], one["metadata"]["name"]] = one
        cls.deployment = cls.objects["Deployment", "scrible"]["spec"]
        cls.pod = cls.deployment["template"]["spec"]
        cls.worker = cls.objects["Deployment", "scrible-worker"]["spec"]

    def test_schemas_hold(self):
        run(TOOLS / "kubernetes-validate", "--strict", "--no-warn", *self.files, K8S / "secret.example.yaml")

    def test_checkov_finds_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "objects.yaml")
            file.write_text(yaml.safe_dump_all(self.objects.values()))
            checkov("kubernetes", file)

    @unittest.skipIf(shutil.which("kubectl") is None, "kubectl is not installed")
    def test_kustomize_makes_of_it_what_stands_there(self):
        made = list(yaml.safe_load_all(run("kubectl", "kustomize", K8S).stdout))
        self.assertEqual({(one["kind"], one["metadata"]["name"]) for one in made}, set(self.objects))
        self.assertEqual({one["metadata"].get("namespace") for one in made if one["kind"] != "Namespace"}, {"scrible"})
        version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        for pods in [*made, *self.objects.values()]:
            if pods["kind"] in ("Deployment", "Job"):
                [container] = pods["spec"]["template"]["spec"]["containers"]
                self.assertEqual(container["image"], f"scrible:{version}")

    def test_every_file_is_applied_but_the_example_of_the_secret(self):
        there = {file.name for file in K8S.iterdir()}
        self.assertEqual(there - {file.name for file in self.files}, {"kustomization.yaml", "secret.example.yaml"})

    def test_pods_are_set_up_with_settings_that_there_are(self):
        secret = yaml.safe_load((K8S / "secret.example.yaml").read_text())["stringData"]
        config = self.objects["ConfigMap", "scrible"]["data"]
        # Whoever applies the example as it stands has no secret that others know.
        with self.assertRaisesRegex(AssertionError, "at least 32 bytes"):
            settings(config | secret)
        found = settings(config | secret | {"SCRIBLE_JWT_SECRET": 32 * "s"})
        pre_stop = self.pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], pre_stop + seconds(found, "DRAIN_DELAY", "SHUTDOWN"))
        used = {kind: source[kind]["name"] for source in self.pod["containers"][0]["envFrom"] for kind in source}
        self.assertEqual(used, {"configMapRef": "scrible", "secretRef": "scrible"})
        ports = {port["name"]: port["containerPort"] for port in self.pod["containers"][0]["ports"]}
        listens = int(found["SCRIBLE_METRICS_LISTEN"].rsplit(":", 1)[1])
        self.assertEqual(ports, {"clients": int(found["PORT"]), "metrics": listens})
        self.assertEqual(self.deployment["template"]["metadata"]["annotations"]["prometheus.io/port"], str(listens))

    def test_workers_alone_make_exports_and_reach_what_they_need(self):
        secret = yaml.safe_load((K8S / "secret.example.yaml").read_text())["stringData"] | {"SCRIBLE_JWT_SECRET": 32 * "s"}
        config = self.objects["ConfigMap", "scrible"]["data"] | secret
        [container] = self.worker["template"]["spec"]["containers"]
        self.assertEqual(container["args"], ["worker"])
        self.assertEqual(container["envFrom"], self.pod["containers"][0]["envFrom"])
        own = {one["name"]: one["value"] for one in container["env"]}
        found = settings(config | own)
        self.assertEqual((settings(config)["SCRIBLE_EXPORT_WORKERS"], found["SCRIBLE_EXPORT_WORKERS"]), ("0", "1"))
        grace = self.worker["template"]["spec"]["terminationGracePeriodSeconds"]
        self.assertGreater(grace, seconds(found, "SHUTDOWN"))
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        self.assertEqual(ports, {"health": int(found["PORT"]), "metrics": int(found["SCRIBLE_METRICS_LISTEN"].rsplit(":", 1)[1])})
        self.assertEqual({container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")}, {"health"})
        [names, rest] = self.objects["NetworkPolicy", "stores"]["spec"]["egress"]
        self.assertEqual({port["port"] for port in names["ports"]}, {53})
        self.assertEqual({port["port"] for port in rest["ports"]}, {5432, 6379, 443})

    def test_everything_that_selects_selects_the_nodes(self):
        labels = self.deployment["template"]["metadata"]["labels"]
        selectors = [
            self.deployment["selector"]["matchLabels"],
            self.objects["Service", "scrible"]["spec"]["selector"],
            self.objects["PodDisruptionBudget", "scrible"]["spec"]["selector"]["matchLabels"],
            self.objects["NetworkPolicy", "nodes"]["spec"]["podSelector"]["matchLabels"],
            *[spread["labelSelector"]["matchLabels"] for spread in self.pod["topologySpreadConstraints"]],
        ]
        self.assertEqual([one for one in selectors if one != labels], [])
        stores = self.objects["NetworkPolicy", "stores"]["spec"]["podSelector"]["matchLabels"]
        job = self.objects["Job", "scrible-migrate"]["spec"]["template"]["metadata"]["labels"]
        worker = self.worker["template"]["metadata"]["labels"]
        for pod in (labels, job, worker):
            self.assertLessEqual(stores.items(), pod.items())
        selectors = [
            self.worker["selector"]["matchLabels"],
            self.objects["NetworkPolicy", "workers"]["spec"]["podSelector"]["matchLabels"],
            *[spread["labelSelector"]["matchLabels"] for spread in self.worker["template"]["spec"]["topologySpreadConstraints"]],
        ]
        self.assertEqual([one for one in selectors if one != worker], [])
        self.assertNotEqual(worker["app.kubernetes.io/component"], labels["app.kubernetes.io/component"])
        self.assertNotEqual(job["app.kubernetes.io/component"], labels["app.kubernetes.io/component"])

    def test_ports_and_services_are_named_as_they_are_used(self):
        [container] = self.pod["containers"]
        names = {port["name"] for port in container["ports"]}
        service = self.objects["Service", "scrible"]["spec"]["ports"]
        policy = self.objects["NetworkPolicy", "nodes"]["spec"]["ingress"]
        probes = [container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")]
        used = {port["targetPort"] for port in service} | {port["port"] for rule in policy for port in rule["ports"]}
        self.assertEqual(used, names)
        self.assertLessEqual(set(probes), names)
        [rule] = self.objects["Ingress", "scrible"]["spec"]["rules"]
        [path] = rule["http"]["paths"]
        self.assertEqual(path["backend"]["service"], {"name": "scrible", "port": {"name": service[0]["name"]}})
        target = self.objects["HorizontalPodAutoscaler", "scrible"]["spec"]["scaleTargetRef"]
        self.assertEqual((target["kind"], target["name"]), ("Deployment", "scrible"))
        # It would undo what the autoscaler has done, each time that it is applied.
        self.assertNotIn("replicas", self.deployment)


def checkov(framework, file):
    """Fails with what it finds. It asks no one."""
    said = run(TOOLS / "checkov", "--framework", framework, "--file", file, "--skip-download", "--quiet", "--compact", "--output", "json")
    summary = json.loads(said.stdout)["summary"]
    if summary["failed"] or summary["parsing_errors"] or not summary["passed"]:
        raise AssertionError(said.stdout)


def address(service):
    """Of a service that always has the same."""
    return service["networks"]["inside"]["ipv4_address"]


if __name__ == "__main__":
    unittest.main()
