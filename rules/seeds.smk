"""Functions mined from real code, and the other kinds of seeds.

REQUIRED: corpora and benchmarks from the config. OUTPUT: results/seeds/shards/{shard}.jsonl, results/seeds/{kind}/shards/…
"""


rule fetch_corpus:
    output:
        manifest="resources/corpora/{corpus}/corpus.json",
    log:
        "results/run/logs/fetch_corpus/{corpus}.log",
    conda:
        "../envs/scripts.yaml"
    params:
        spec=corpus_spec,
        code=code_fingerprint("fetch_corpus.py"),
    message:
        "Fetching corpus {wildcards.corpus}"
    script:
        "../scripts/fetch_corpus.py"


rule mine_seeds:
    input:
        corpus=corpus_input,
    output:
        kept="results/seeds/mined/{corpus}.jsonl",
        rejected="results/seeds/mined/{corpus}.rejected.jsonl",
        counts="results/seeds/mined/{corpus}.counts.json",
        files_rejected="results/seeds/mined/{corpus}.files.rejected.jsonl",
        files_counts="results/seeds/mined/{corpus}.files.counts.json",
    log:
        "results/run/logs/mine_seeds/{corpus}.log",
    benchmark:
        "results/run/benchmarks/mine_seeds/{corpus}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        spec=corpus_spec,
        licences=config["seeds"]["licences"],
        filters=config["seeds"]["filters"],
        code=code_fingerprint("mine_seeds.py"),
    message:
        "Mining functions from corpus {wildcards.corpus}"
    script:
        "../scripts/mine_seeds.py"


rule typecheck_seeds:
    input:
        seeds=rules.mine_seeds.output.kept,
    output:
        kept="results/seeds/typechecked/{corpus}.jsonl",
        rejected="results/seeds/typechecked/{corpus}.rejected.jsonl",
        counts="results/seeds/typechecked/{corpus}.counts.json",
    log:
        "results/run/logs/typecheck_seeds/{corpus}.log",
    benchmark:
        "results/run/benchmarks/typecheck_seeds/{corpus}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    threads: 2
    params:
        code=code_fingerprint("typecheck_seeds.py"),
    message:
        "Type-checking functions of corpus {wildcards.corpus}"
    script:
        "../scripts/typecheck_seeds.py"


rule gather_seeds:
    input:
        corpora=corpus_seeds(),
        benchmarks=BENCHMARKS,
    output:
        shards=seed_shards(),
        rejected="results/seeds/seeds.rejected.jsonl",
        counts="results/seeds/seeds.counts.json",
    log:
        "results/run/logs/gather_seeds.log",
    benchmark:
        "results/run/benchmarks/gather_seeds.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        near_duplicates=config["seeds"]["near_duplicates"],
        decontaminate=config["seeds"]["decontaminate"],
        limit=config["seeds"]["limit"],
        exclude=config["seeds"]["exclude"],
        code=code_fingerprint("gather_seeds.py"),
    message:
        "Removing duplicates and benchmark overlap from the seeds"
    script:
        "../scripts/gather_seeds.py"


rule mine_snippets:
    input:
        corpus=corpus_input,
    output:
        kept="results/seeds/snippets/mined/{corpus}.jsonl",
        rejected="results/seeds/snippets/mined/{corpus}.rejected.jsonl",
        counts="results/seeds/snippets/mined/{corpus}.counts.json",
        files_rejected="results/seeds/snippets/mined/{corpus}.files.rejected.jsonl",
        files_counts="results/seeds/snippets/mined/{corpus}.files.counts.json",
    log:
        "results/run/logs/mine_snippets/{corpus}.log",
    benchmark:
        "results/run/benchmarks/mine_snippets/{corpus}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        spec=corpus_spec,
        licences=config["seeds"]["licences"],
        filters=config["seeds"]["filters"],
        snippets=config["seeds"]["snippets"],
        code=code_fingerprint("mine_seeds.py"),
    message:
        "Taking random lines from corpus {wildcards.corpus}"
    script:
        "../scripts/mine_seeds.py"


rule mine_commits:
    output:
        kept="results/seeds/commits/mined/{corpus}.jsonl",
        rejected="results/seeds/commits/mined/{corpus}.rejected.jsonl",
        counts="results/seeds/commits/mined/{corpus}.counts.json",
    log:
        "results/run/logs/mine_commits/{corpus}.log",
    benchmark:
        "results/run/benchmarks/mine_commits/{corpus}.tsv"
    # Not in the workflow's image, which holds no git.
    conda:
        "../envs/scripts.yaml"
    params:
        spec=corpus_spec,
        licences=config["seeds"]["licences"],
        settings=config["seeds"]["commits"],
        limits=config["seeds"]["filters"],
        code=code_fingerprint("mine_commits.py"),
    message:
        "Reading the commits of corpus {wildcards.corpus}"
    script:
        "../scripts/mine_commits.py"


rule mine_instructions:
    input:
        corpus=corpus_input,
    output:
        kept="results/seeds/instructions/mined/{corpus}.jsonl",
        rejected="results/seeds/instructions/mined/{corpus}.rejected.jsonl",
        counts="results/seeds/instructions/mined/{corpus}.counts.json",
    log:
        "results/run/logs/mine_instructions/{corpus}.log",
    benchmark:
        "results/run/benchmarks/mine_instructions/{corpus}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        spec=corpus_spec,
        licences=config["seeds"]["licences"],
        code=code_fingerprint("mine_instructions.py"),
    message:
        "Reading the instructions of corpus {wildcards.corpus}"
    script:
        "../scripts/mine_instructions.py"


rule gather_other_seeds:
    input:
        corpora=other_corpus_seeds,
        benchmarks=BENCHMARKS,
    output:
        shards=expand("results/seeds/{kind}/shards/{shard}.jsonl", shard=SHARDS, allow_missing=True),
        rejected="results/seeds/{kind}/seeds.rejected.jsonl",
        counts="results/seeds/{kind}/seeds.counts.json",
    log:
        "results/run/logs/gather_other_seeds/{kind}.log",
    benchmark:
        "results/run/benchmarks/gather_other_seeds/{kind}.tsv"
    conda:
        "../envs/scripts.yaml"
    container:
        image("workflow")
    params:
        near_duplicates=other_near_duplicates,
        decontaminate=config["seeds"]["decontaminate"],
        limit=config["seeds"]["limit"],
        exclude=config["seeds"]["exclude"],
        code=code_fingerprint("gather_seeds.py"),
    message:
        "Removing duplicates and benchmark overlap from the seeds of kind {wildcards.kind}"
    script:
        "../scripts/gather_seeds.py"
