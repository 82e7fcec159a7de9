"""Declares the options of the model's commands; those that several commands share stand here once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spanstream.models.defaults import WindowMode

# Of several commands.
ArtifactFolder = Annotated[Path, Argument(help="Artifact folder; by default the bundled artifact.")]
ArtifactOption = Annotated[Path, Option(help="Artifact folder; by default the bundled artifact.")]
MaxWindows = Annotated[int, Option(min=1, help="Windows read of one document at most; BM25 picks among more.")]
Windows = Annotated[
    WindowMode | None,
    Option(help="Cut long documents at every so many tokens or between sentences; by default as the artifact says."),
]
Threads = Annotated[int | None, Option(min=1, help="CPU threads; by default the cgroup's quota.")]
MaxLength = Annotated[int, Option(min=32, help="Tokens of a window, question included; at most the model's positions.")]
Stride = Annotated[int, Option(min=0, help="Tokens that neighbouring windows share.")]

# `model bench`
Seconds = Annotated[float, Option(min=0.5, help="How long to run, in seconds.")]

# `model train`
BaseModelName = Annotated[str, Option(help="Model to begin from: a Hugging Face folder, or a name on the hub.")]
TrainingFiles = Annotated[
    list[str],
    Option(
        help="SQuAD v2 file to learn from (.json or .json.gz), repeatable. FILE:2 reads it twice an epoch, "
        "FILE:0.5 every other question."
    ),
]
TrainedFolder = Annotated[Path, Option(help="Folder of the trained checkpoint; must not be there yet.")]
HeldOutData = Annotated[Path | None, Option(help="SQuAD v2 file to score before and after; never learned from.")]
Epochs = Annotated[int | None, Option(min=1, help="Times the data is read; by default by its amount.")]
LearningRate = Annotated[
    float | None, Option(min=1e-8, max=1.0, help="Peak rate; by default by the amount of data and the model.")
]
UnanswerableShare = Annotated[
    float | None,
    Option(
        min=0.01, max=0.99, help="Share of the loss that windows without an answer make up; by default as they come."
    ),
]
LoraRank = Annotated[int | None, Option("--lora", min=1, help="Learn low-rank updates of this rank only (8 is usual).")]
FreezeEmbeddings = Annotated[bool, Option(help="Leave token embeddings as they are: faster, and kinder to rare words.")]
Answerability = Annotated[
    bool, Option(help="Add a head that says whether a window holds an answer; a calibration may weigh it.")
]
AnswerabilityWeight = Annotated[
    float, Option(min=0.01, max=10.0, help="Weight of that head's loss; that of the spans has 1.")
]
AnswerabilityOnly = Annotated[bool, Option(help="Learn that head alone: spans and their scores stay as they are.")]
SaveFp16 = Annotated[bool, Option(help="Write the weights in fp16: half the size, the same answers but for rounding.")]
Dropout = Annotated[float | None, Option(min=0.0, max=0.9, help="Probability; by default the model's own.")]
AttentionDropout = Annotated[
    float | None,
    Option(min=0.0, max=0.9, help="The same for the attention's weights; by default as --dropout. 0 is faster."),
]
BatchTokens = Annotated[int, Option(min=64, help="Padded tokens of a batch.")]
Bf16 = Annotated[bool | None, Option(help="Compute in bfloat16; by default where the hardware does.")]
Seed = Annotated[int, Option(help="Of everything that is drawn.")]
SaveMinutes = Annotated[float, Option(min=0.1, help="Minutes between checkpoints.")]

# `model build`
CheckpointName = Annotated[
    str, Option(help="Folder of a Hugging Face checkpoint with a QA head, or its name on a hub (org/name).")
]
ValidationFiles = Annotated[
    list[Path],
    Option(
        help="SQuAD v2 file (.json or .json.gz) for the choice, calibration and figures, repeatable. Thresholds are "
        "chosen on the first."
    ),
]
BuiltFolder = Annotated[Path, Option(help="Artifact folder to write; replaced at the end, in one step.")]
Samples = Annotated[
    list[Path] | None,
    Option(help="SQuAD v2 file of texts like yours, to fix int8 scales by (repeatable; default: validation)."),
]
ModelName = Annotated[str | None, Option(help="The model's name; by default the output folder's.")]
ModelVersion = Annotated[str, Option(help="The artifact's version.")]
TriedVariants = Annotated[
    list[str] | None,
    Option(
        help="Try only this variant beside fp32 (repeatable): int8-static-tamed, int8-static, int8-dynamic, "
        "int8-dynamic-skip. Default: all, and the fastest within 0.5 points of F1 is taken."
    ),
]
Quick = Annotated[bool, Option("--quick", help="Take the first variant within the margin; time nothing, tune nothing.")]
Gpu = Annotated[bool, Option(help="Also make the fp16 variant that a GPU runs (2 bytes a weight).")]
Compare = Annotated[
    str | None, Option(help="Earlier artifact or checkpoint whose figures the card shows beside the new ones.")
]
About = Annotated[Path | None, Option(help="Markdown about data and licences, for the card.")]

# `model build-encoder`
EncoderCheckpoint = Annotated[
    str, Option(help="Folder of an encoder of sentences that pools by the mean, or its name on a hub (org/name).")
]
EncoderFiles = Annotated[
    list[Path],
    Option(help="SQuAD v2 file (.json or .json.gz) to fix int8 scales by and to measure recall with, repeatable."),
]
Licence = Annotated[str, Option(help="Licence of the weights: an SPDX identifier.")]

# `model evaluate`
EvaluationData = Annotated[
    list[Path], Option(help="SQuAD v2 file (.json or .json.gz) of labelled questions; repeatable.")
]
ReportFolder = Annotated[
    Path | None, Option(help="Folder for report.json and the plots (PNG and SVG); made if need be.")
]
ReadVariants = Annotated[
    list[str] | None, Option(help="File or precision of a variant; repeatable; default: all for the CPU.")
]
Thresholds = Annotated[
    list[str] | None,
    Option(help="A threshold's name, or a confidence from 0 to 1; repeatable; default: all that are named."),
]
AllWindows = Annotated[bool, Option("--all-windows", help="Read every window of every document.")]
TakeTimes = Annotated[bool, Option(help="Take times too, one question after the other.")]
AsJson = Annotated[bool, Option("--json", help="The report as JSON on standard output.")]

# `model calibrate`
CalibrationData = Annotated[
    list[Path] | None, Option(help="SQuAD v2 file of labelled questions like those to come; repeatable.")
]
CalibrationTopics = Annotated[bool, Option("--topics", help="Calibrate with the labels topic and its documents.")]
CalibrationCollection = Annotated[
    list[Path] | None,
    Option(
        help="SQuAD v2 file of a collection's texts, with questions about all of it or without; repeatable. Fits the "
        "confidence of answers out of collections."
    ),
]
CalibratedFolder = Annotated[
    Path | None, Option(help="Artifact folder to write; by default the artifact's own, replaced at the end.")
]
CalibrationName = Annotated[
    str | None, Option(help="The calibration's name, echoed in every answer; by default of model and data.")
]
Precisions = Annotated[
    list[int], Option(min=1, max=99, help="Percent of the answers given that should be right; repeatable.")
]
Recalls = Annotated[
    list[int], Option(min=1, max=99, help="Percent of the right candidates that should be given; repeatable.")
]
Guarantees = Annotated[
    list[int],
    Option(min=1, max=99, help="Percent right among the answers given, with 95 % confidence; repeatable."),
]
