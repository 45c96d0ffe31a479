#!/bin/sh
# Add its digest to each image of the Dockerfile and the compose files, so that a tag that was moved changes nothing.
#
#   make pin-images
#
# Needs docker with buildx, and a registry that answers for every image. If one does not, no file is changed.
set -eu
cd "$(dirname "$0")/.."

docker buildx version > /dev/null 2>&1 || {
    echo "This needs docker with buildx. No file was changed." >&2
    exit 1
}
compose="docker-compose.yml docker-compose.postgres.yml"
edits=
for image in $(sed -nE 's/^(# syntax=|ARG IMAGE=| *image: )([^@ ]+).*/\2/p' Dockerfile $compose); do
    if ! digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image"); then
        echo "No registry answers for $image. No file was changed." >&2
        exit 1
    fi
    case $digest in
        sha256:????????????????????????????????????????????????????????????????) ;;
        *) echo "The registry gives no digest of $image. No file was changed." >&2; exit 1 ;;
    esac
    edits="$edits
s,^(# syntax=|ARG IMAGE=| *image: )$image(@sha256:[0-9a-f]+)?$,\\1$image@$digest,"
    echo "$image@$digest"
done
sed -i -E "$edits" Dockerfile $compose
