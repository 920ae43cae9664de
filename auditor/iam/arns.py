"""ARN patterns: how AWS compares a Resource with wildcards to the ARN of a resource."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.iam.glob import Glob, Token, Wild, compile_glob, split_tokens

__all__ = ["ArnPattern", "arn_pattern"]


@dataclass(frozen=True, slots=True)
class ArnPattern:
    """A pattern compared as a whole, or (with `parts`) part by part; `completed` is an incomplete ARN filled up."""

    whole: Glob
    parts: tuple[Glob, ...] = ()
    completed: Glob | None = None

    def matches(self, resource: str) -> bool:
        """Tell whether the pattern covers the resource; case counts."""
        if self.parts:
            found = resource.split(":", 5)
            return len(found) == 6 and all(map(Glob.matches, self.parts, found))
        return self.whole.matches(resource) or (self.completed is not None and self.completed.matches(resource))


def arn_pattern(tokens: tuple[Token, ...]) -> ArnPattern:
    """Return the matcher for a Resource.

    A `*` that ends one of the first five parts may run on over colons, other wildcards in them may not; an ARN with
    fewer than six parts is completed with `*`. Source: IAM User Guide, reference_policies_elements_resource.
    """
    whole = compile_glob(tokens)
    parts = split_tokens(tokens, ":", 6)
    if parts[0] != ("arn",):
        return ArnPattern(whole)
    missing = 6 - len(parts)
    if any(_confined(part) for part in parts[:5]):
        return ArnPattern(whole, tuple(map(compile_glob, (*parts, *[(Wild.STAR,)] * missing))))
    return ArnPattern(whole, completed=compile_glob(tokens + (":", Wild.STAR) * missing) if missing else None)


def _confined(part: tuple[Token, ...]) -> bool:
    return Wild.ANY in part or Wild.STAR in part[:-1]
