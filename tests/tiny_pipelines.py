"""Video models of the hub's families with random weights, small enough for a test; after diffusers' own tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from pipeline.models._hub import diffusers

WORDS = ["a", "red", "green", "box", "ball", "falls", "into", "dry", "sand", "water", "the"]


def tokenizer() -> Any:
    """Knows a few words; made here, for nothing can be downloaded."""
    from transformers import PreTrainedTokenizerFast

    known = {word: number for number, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    split = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    split.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=split, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=226
    )


def text_encoder(width: int = 32, kind: str = "T5EncoderModel", settings: str = "T5Config") -> Any:
    import transformers

    config = getattr(transformers, settings)(
        vocab_size=32, d_model=width, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8
    )
    return getattr(transformers, kind)(config)


def wan(experts: bool = False, expand: bool = False) -> Any:
    """Wan 2.1 image-to-video (with its image encoder), 2.2 with two experts, or 2.2 5B, which expands time steps."""
    package = diffusers()
    import transformers

    vae = package.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    first = not experts and not expand

    def transformer() -> Any:
        return package.WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=16 if expand else 36,
            out_channels=16,
            text_dim=32,
            freq_dim=256,
            ffn_dim=32,
            num_layers=2,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            rope_max_seq_len=32,
            image_dim=4 if first else None,
        )

    looks = transformers.CLIPVisionConfig(
        hidden_size=4, projection_dim=4, num_hidden_layers=2, num_attention_heads=2, image_size=32,
        intermediate_size=16, patch_size=1,
    )  # fmt: skip
    return package.WanImageToVideoPipeline(
        transformer=transformer(),
        vae=vae,
        scheduler=package.FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder=text_encoder(32, "UMT5EncoderModel", "UMT5Config"),
        tokenizer=tokenizer(),
        image_encoder=transformers.CLIPVisionModel(looks) if first else None,
        image_processor=transformers.CLIPImageProcessor(crop_size=32, size=32) if first else None,
        transformer_2=transformer() if experts else None,
        boundary_ratio=0.875 if experts else None,
        expand_timesteps=expand,
    )


def ltx(kind: str = "LTXConditionPipeline") -> Any:
    package = diffusers()
    transformer = package.LTXVideoTransformer3DModel(
        in_channels=8, out_channels=8, patch_size=1, patch_size_t=1, num_attention_heads=4, attention_head_dim=8,
        cross_attention_dim=32, num_layers=1, caption_channels=32,
    )  # fmt: skip
    vae = package.AutoencoderKLLTXVideo(
        in_channels=3, out_channels=3, latent_channels=8, block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8), layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1), spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False), decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4, upsample_factor=(1,) * 4, timestep_conditioning=False, patch_size=1,
        patch_size_t=1, encoder_causal=True, decoder_causal=False,
    )  # fmt: skip
    return getattr(package, kind)(
        transformer=transformer,
        vae=vae,
        scheduler=package.FlowMatchEulerDiscreteScheduler(),
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
    )


def cogvideox() -> Any:
    package = diffusers()
    transformer = package.CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=8, out_channels=4, time_embed_dim=2,
        text_embed_dim=32, num_layers=1, sample_width=4, sample_height=4, sample_frames=9, patch_size=2,
        temporal_compression_ratio=4, max_text_seq_length=226, use_rotary_positional_embeddings=True,
        use_learned_positional_embeddings=True,
    )  # fmt: skip
    vae = package.AutoencoderKLCogVideoX(
        in_channels=3, out_channels=3,
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2,
        temporal_compression_ratio=4,
    )  # fmt: skip
    return package.CogVideoXImageToVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=text_encoder(),
        vae=vae,
        transformer=transformer,
        scheduler=package.DDIMScheduler(),
    )


def stable_video_diffusion() -> Any:
    package = diffusers()
    import transformers

    unet = package.UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=32, in_channels=8, out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"), cross_attention_dim=32,
        num_attention_heads=8, projection_class_embeddings_input_dim=96, addition_time_embed_dim=32, num_frames=3,
    )  # fmt: skip
    vae = package.AutoencoderKLTemporalDecoder(
        block_out_channels=[32, 64], in_channels=3, out_channels=3,
        down_block_types=["DownEncoderBlock2D", "DownEncoderBlock2D"], latent_channels=4,
    )  # fmt: skip
    looks = transformers.CLIPVisionConfig(
        hidden_size=32, projection_dim=32, num_hidden_layers=2, num_attention_heads=4, image_size=224,
        intermediate_size=37, patch_size=32,
    )  # fmt: skip
    scheduler = package.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", interpolation_type="linear",
        num_train_timesteps=1000, prediction_type="v_prediction", sigma_max=700.0, sigma_min=0.002,
        steps_offset=1, timestep_spacing="leading", timestep_type="continuous", trained_betas=None,
        use_karras_sigmas=True,
    )  # fmt: skip
    return package.StableVideoDiffusionPipeline(
        vae=vae,
        image_encoder=transformers.CLIPVisionModelWithProjection(looks),
        unet=unet,
        scheduler=scheduler,
        feature_extractor=transformers.CLIPImageProcessor(crop_size=224, size=224),
    )


MADE = {
    "wan": wan,
    "wan_2_2": lambda: wan(experts=True),
    "wan_2_2_5b": lambda: wan(expand=True),
    "ltx": ltx,
    "ltx_image": lambda: ltx("LTXImageToVideoPipeline"),
    "cogvideox": cogvideox,
    "stable_video_diffusion": stable_video_diffusion,
}


def save(kind: str, folder: Path) -> str:
    """A saved tiny pipeline; returns its folder."""
    torch.manual_seed(0)
    MADE[kind]().save_pretrained(folder / kind)
    return str(folder / kind)
