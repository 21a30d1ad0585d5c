"""A Whisper of 0.9 MB with random weights: it loads and runs as a real one, and babbles."""

from pathlib import Path
from typing import Any


def tiny_whisper(work: Path) -> Path:
    """Make one with transformers and convert it; returns the folder for CTranslate2."""
    import ctranslate2
    import torch
    import transformers
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    made, converted = work / "made", work / "converted"
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: k for k, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = (
        "endoftext startoftranscript en de translate transcribe startoflm startofprev nospeech "
        "notimestamps"
    )
    tokenizer.add_special_tokens([f"<|{name}|>" for name in names.split()])
    tokenizer.add_tokens([AddedToken(f"<|{k * 0.02:.2f}|>", special=False) for k in range(1501)])
    number: dict[str, Any] = {name: tokenizer.token_to_id(f"<|{name}|>") for name in names.split()}
    fast: Any = transformers.PreTrainedTokenizerFast
    fast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", unk_token="<|endoftext|>"
    ).save_pretrained(made)

    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(
        transformers.WhisperConfig(
            vocab_size=tokenizer.get_vocab_size(),
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            bos_token_id=number["endoftext"],
            eos_token_id=number["endoftext"],
            pad_token_id=number["endoftext"],
            decoder_start_token_id=number["startoftranscript"],
        )
    )
    settings: Any = model.generation_config
    settings.alignment_heads = [[0, 0]]
    settings.no_timestamps_token_id = number["notimestamps"]
    settings.lang_to_id = {f"<|{code}|>": number[code] for code in ("en", "de")}
    settings.suppress_tokens, settings.begin_suppress_tokens = [], []
    model.save_pretrained(made)
    features: Any = transformers.WhisperFeatureExtractor
    features().save_pretrained(made)
    ctranslate2.converters.TransformersConverter(
        str(made), copy_files=["tokenizer.json", "preprocessor_config.json"]
    ).convert(str(converted))
    return converted
