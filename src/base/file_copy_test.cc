#include "base/file_copy_linux.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/test_folder.h"

namespace litewright {
namespace {

TEST(CopyFileContent, GivesEveryByteOfAFileOfAnySize) {
  const TestFolder folder;
  for (const std::size_t size : {0u, 1u, 4096u, (1u << 20) - 1, 1u << 20, (2u << 20) + 7}) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; i++) content[i] = static_cast<char>(i * 31 + i / 251);
    std::ofstream(folder.path("from"), std::ios::binary) << content;
    const FileDescriptor to = open_file(folder.path("to"), O_RDWR | O_CREAT | O_TRUNC);
    copy_file_content(folder.path("from"), to.get(), folder.path("to"));
    EXPECT_EQ(read_whole_file(folder.path("to"), 100 << 20), content) << size;
  }
}

TEST(CopyFileContent, WhatIsNoRegularFileOrNotThereIsSaid) {
  const TestFolder folder;
  const FileDescriptor to = open_file(folder.path("to"), O_RDWR | O_CREAT);
  try {
    copy_file_content(folder.path(""), to.get(), folder.path("to"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << error.what();
  }
  try {
    copy_file_content(folder.path("none"), to.get(), folder.path("to"));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNoDatabase) << error.what();
  }
}

}  // namespace
}  // namespace litewright
