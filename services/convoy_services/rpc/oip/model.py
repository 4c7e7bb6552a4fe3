"""A pipeline as a model."""

from convoy import Code, ConvoyError, Datatype
from convoy.oip.v2 import inference_pb2 as pb
from convoy.oip.v2 import model_config_pb2 as config_pb
from convoy_services.mesh.column import Columns
from convoy_services.mesh.context import MAX_ROWS, NORMAL
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.pipeline import CLOSED_FOR, Pipeline
from convoy_services.mesh.plan import PipelinePlan
from convoy_services.rpc.oip.parameters import LEVELS

VERSION = "1"
"""The version of every pipeline whose models have none."""

PLATFORM = "convoy"

TYPES = {datatype: f"TYPE_{datatype}" for datatype in Datatype} | {Datatype.BYTES: "TYPE_STRING"}
"""The name in model_config.proto of each type."""


def live(pipeline: Pipeline) -> str:
    """Name the version with which a pipeline runs."""
    return pipeline.version or VERSION


def versions(pipeline: Pipeline) -> list[str]:
    """Name the versions that there are, the oldest first."""
    repository = pipeline.plan.repository
    return (repository.versions() if repository else []) or [live(pipeline)]


def find(mesh: Mesh, name: str, version: str) -> Pipeline:
    """Give a pipeline; raises ConvoyError NOT_FOUND, for a version that is not live, too."""
    pipeline = mesh.pipeline(name)
    if version not in {"", live(pipeline)}:
        raise ConvoyError(
            Code.NOT_FOUND,
            f"pipeline {name} runs with version {live(pipeline)}, not {version[:16]!r}",
            "VERSION_NOT_FOUND",
        )
    return pipeline


def find_open(mesh: Mesh, name: str, version: str) -> Pipeline:
    """Give a pipeline that admits requests; raises ConvoyError NOT_FOUND or UNAVAILABLE."""
    pipeline = find(mesh, name, version)
    if not pipeline.open:
        raise ConvoyError(
            Code.UNAVAILABLE,
            f"pipeline {name} admits no requests",
            "PIPELINE_CLOSED",
            retry_after=CLOSED_FOR,
        )
    return pipeline


def metadata(pipeline: Pipeline) -> pb.ModelMetadataResponse:
    """Tell the tensors: rows first, of whatever number."""
    plan = pipeline.plan
    return pb.ModelMetadataResponse(
        name=plan.name,
        versions=[live(pipeline)],
        platform=PLATFORM,
        inputs=_tensors(plan.inputs),
        outputs=_tensors(plan.outputs),
    )


def configuration(plan: PipelinePlan) -> config_pb.ModelConfig:
    """Tell what Triton's clients ask of a model; ``dims`` are those of one row."""
    return config_pb.ModelConfig(
        name=plan.name,
        platform=PLATFORM,
        backend=PLATFORM,
        version_policy=config_pb.ModelVersionPolicy(
            latest=config_pb.ModelVersionPolicy.Latest(num_versions=1)
        ),
        max_batch_size=min(MAX_ROWS, plan.limits.rows),
        input=[
            config_pb.ModelInput(
                name=name,
                data_type=TYPES[column.datatype],
                dims=column.shape,
                allow_ragged_batch=column.ragged,
                optional=column.optional,
            )
            for name, column in plan.inputs.items()
        ],
        output=[
            config_pb.ModelOutput(name=name, data_type=TYPES[column.datatype], dims=column.shape)
            for name, column in plan.outputs.items()
        ],
        dynamic_batching=config_pb.ModelDynamicBatching(
            priority_levels=len(LEVELS),
            default_priority_level=LEVELS.index(NORMAL) + 1,
            default_queue_policy=config_pb.ModelQueuePolicy(
                default_timeout_microseconds=round(plan.limits.timeout * 1e6),
                allow_timeout_override=True,
            ),
        ),
        model_transaction_policy=config_pb.ModelTransactionPolicy(decoupled=False),
    )


def _tensors(columns: Columns) -> list[pb.ModelMetadataResponse.TensorMetadata]:
    return [
        pb.ModelMetadataResponse.TensorMetadata(
            name=name, datatype=column.datatype, shape=(-1, *column.shape)
        )
        for name, column in columns.items()
    ]
